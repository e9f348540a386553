"""The incident commanders' meeting: conformance, response, learning, decisions."""

"""The post-mortem page: drafted with evidence, drafted again without loss, checked, and told to two audiences."""

"""Pictures of figures without JavaScript: SVG drawn from the figure's own data."""

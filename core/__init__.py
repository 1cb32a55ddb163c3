"""Pairsmith's core: everything the product does, without a screen.

Pages ask, core decides, jobs do. Nothing below this package imports streamlit or plotly.
"""

__version__ = "0.1.0"

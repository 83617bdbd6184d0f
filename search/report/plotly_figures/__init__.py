"""Figures that answer to the pointer, for the dashboard and a notebook: of a search and of a comparison, in one style.

Pure functions to `plotly.graph_objects.Figure`; they compute nothing that is not about ink. Plotly, the extra
`figures`, is imported only where something is drawn.
"""

from search.report.plotly_figures.costs import costs_figure
from search.report.plotly_figures.curves import curves_figure
from search.report.plotly_figures.forest import arms_figure, forest_figure
from search.report.plotly_figures.importance import importance_figure
from search.report.plotly_figures.pruning import pruning_figure

__all__ = ["arms_figure", "costs_figure", "curves_figure", "forest_figure", "importance_figure", "pruning_figure"]

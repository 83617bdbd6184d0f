"""The report as one HTML page: what a study found, for people who were not there.

It is one file without a script and without a request; light or dark, on a phone and on paper. It decides nothing: what
is true was settled in the rooms below. Whatever somebody else wrote is escaped once, where the page is written
(`writing`).
"""

from search.report.page.comparison import comparison_page
from search.report.page.messages import LANGUAGES
from search.report.page.search import search_page
from search.report.page.writing import refuse_other_file, write_page

__all__ = ["LANGUAGES", "comparison_page", "refuse_other_file", "search_page", "write_page"]

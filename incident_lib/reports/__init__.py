"""Reports: a notebook run by papermill, exported to one offline page by nbconvert, and published in one step."""

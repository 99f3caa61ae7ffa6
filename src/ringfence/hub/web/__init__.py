"""The pages: a folder per noun, with templates beside the views. They call what the API calls, and add no logic."""

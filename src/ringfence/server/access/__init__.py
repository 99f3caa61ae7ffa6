"""Who gets a file: admission, what a decision rests on, and what is reported of refusals."""

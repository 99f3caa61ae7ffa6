"""How people come in: by password, second step, or a link."""

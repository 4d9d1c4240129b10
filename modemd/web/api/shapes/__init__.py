"""What the OpenAPI document says of bodies and answers: a model each, a family a file."""

"""The Postman collection and its environment, made from the OpenAPI document and the order in which a person works."""

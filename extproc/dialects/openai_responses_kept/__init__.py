"""Responses that the provider keeps, as it gives them back; asking for them takes no body.

whole    a response, from `GET /v1/responses/{id}` and `POST /v1/responses/{id}/cancel`
parts    what is no response: the items that went in, and the word that one was deleted
"""

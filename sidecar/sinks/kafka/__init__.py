"""Stores documents in topics of Apache Kafka, each batch in one transaction."""

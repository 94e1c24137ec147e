"""The whole product under load, faults and time: ./scripts/endure.sh."""

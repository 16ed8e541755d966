-- All refunds together are a metric, and few among millions of events.

CREATE INDEX credit_events_refunds ON credit_events (delta_seconds) WHERE kind = 'refund_usage';

-- What people look for among millions of messages: those that went wrong. No message that goes well is ever in it.
CREATE INDEX message_rest    ON message (account, state, id)  WHERE state IN (6, 7, 8, 9);
-- Whose recipient somebody is who writes back. Only what was sent, so that a campaign is written in order.
CREATE INDEX message_sent_to ON message (to_key, sent_at)     WHERE sent_at IS NOT NULL;

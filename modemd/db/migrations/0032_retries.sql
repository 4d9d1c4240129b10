-- What was handed to a modem before and waits again is found apart from what was not yet: it goes before an account's
-- younger messages, but not without end (queue/hand.py). No message that goes at once is ever in the second index.
DROP INDEX message_claim;
CREATE INDEX message_claim ON message (lane, account, due, id) WHERE state = 1 AND attempts = 0;
CREATE INDEX message_retry ON message (lane, account, due, id) WHERE state = 1 AND attempts > 0;

-- What narrows the zones a person could be in: the postal code of the address, and until when a stated zone holds.

ALTER TABLE person ADD COLUMN postal_code TEXT;
ALTER TABLE person ADD COLUMN zone_until TEXT;

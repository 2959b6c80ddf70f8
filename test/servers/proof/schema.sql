CREATE TABLE addresses (id bigint PRIMARY KEY, line text NOT NULL, city text NOT NULL);
CREATE TABLE customers (
  id bigint PRIMARY KEY, email text NOT NULL UNIQUE, name text NOT NULL, phone text, restricted boolean NOT NULL DEFAULT false,
  home_address_id bigint REFERENCES addresses, joined timestamptz NOT NULL
);
CREATE TABLE orders (
  id text PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customers, gift_for_id bigint REFERENCES customers, shipping_address_id bigint REFERENCES addresses,
  placed timestamptz NOT NULL, total numeric(10,2) NOT NULL, note text
);
CREATE TABLE logins (id bigint PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customers, at timestamptz NOT NULL, ip inet NOT NULL);
CREATE TABLE subscriptions (email text, list text, PRIMARY KEY (email, list));
CREATE TABLE reviews (id bigint PRIMARY KEY, customer_id bigint REFERENCES customers, rating int, body text);
CREATE TABLE tickets (id bigint PRIMARY KEY, email text NOT NULL, subject text NOT NULL);
CREATE TABLE ticket_messages (ticket_id bigint REFERENCES tickets, seq int, body text NOT NULL, PRIMARY KEY (ticket_id, seq));
CREATE INDEX ON orders (customer_id);
CREATE INDEX ON orders (gift_for_id);
CREATE INDEX ON logins (customer_id);
CREATE INDEX ON reviews (customer_id);
CREATE INDEX ON tickets (email);

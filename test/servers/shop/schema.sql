CREATE TABLE product (id int PRIMARY KEY, name text NOT NULL, description text, price numeric(10,2));
CREATE TABLE address (id bigint PRIMARY KEY, house text, street text, city text, state text, zip text);
CREATE TABLE customer (id bigint PRIMARY KEY, email text, name text, phone text, created timestamptz NOT NULL, address_id bigint REFERENCES address(id));
CREATE INDEX customer_email ON customer(email);
CREATE INDEX customer_address ON customer(address_id);
CREATE TABLE employee (id bigint PRIMARY KEY, email text, name text, address_id bigint REFERENCES address(id));
CREATE INDEX employee_email ON employee(email);
CREATE TABLE payment_card (
  id text PRIMARY KEY, name text, ccn text, code text, preferred boolean, customer_id bigint REFERENCES customer(id),
  billing_address_id bigint REFERENCES address(id)
);
CREATE INDEX payment_card_customer ON payment_card(customer_id);
CREATE TABLE orders (
  id text PRIMARY KEY, customer_id bigint REFERENCES customer(id), shipping_address_id bigint REFERENCES address(id),
  payment_card_id text REFERENCES payment_card(id), placed timestamptz NOT NULL, total numeric(10,2) NOT NULL, recipient_name text, note text
);
CREATE INDEX orders_customer ON orders(customer_id);
CREATE TABLE order_item (order_id text REFERENCES orders(id), item_no int, product_id int REFERENCES product(id), quantity int NOT NULL, PRIMARY KEY (order_id, item_no));
CREATE TABLE visit (id bigint PRIMARY KEY, email text, last_visit timestamptz NOT NULL, ip text);
CREATE INDEX visit_email ON visit(email);
CREATE TABLE login (id bigint PRIMARY KEY, customer_id bigint REFERENCES customer(id), time timestamptz NOT NULL, ip text, user_agent text);
CREATE INDEX login_customer ON login(customer_id);
CREATE TABLE service_request (id text PRIMARY KEY, email text, alt_email text, opened date NOT NULL, closed date, employee_id bigint REFERENCES employee(id), message text);
CREATE INDEX service_request_email ON service_request(email);
CREATE INDEX service_request_alt_email ON service_request(alt_email);
CREATE INDEX service_request_employee ON service_request(employee_id);
CREATE TABLE report (id bigint PRIMARY KEY, email text, name text, year int, month int, total_visits int);
CREATE INDEX report_email ON report(email);

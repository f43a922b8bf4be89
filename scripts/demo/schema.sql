-- A shop with a past: the data set of ./run demo, and of tests that need a realistic database.
-- Plain SQL without psql's own commands, for one connection of a superuser to an empty database of PostgreSQL 13 or newer.
-- The size: SET demo.rows = 1200000 before it (that is the default); about so many rows are made, in proportion.
-- The same size gives the same rows, each time and on each machine.

SET client_min_messages = warning;
SET synchronous_commit = off;
SET max_parallel_workers_per_gather = 0;
SET TimeZone = 'UTC';
SELECT setseed(0.42);

CREATE FUNCTION pg_temp.rows(share numeric) RETURNS int LANGUAGE sql AS
$$ SELECT greatest(1, (coalesce(nullif(current_setting('demo.rows', true), ''), '1200000')::numeric * share)::int) $$;

-- Two roles of the application, and their rights below. Roles belong to the cluster: they may be there already.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'shop_clerk') THEN
    CREATE ROLE shop_clerk LOGIN PASSWORD 'demo-only';
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'shop_report') THEN
    CREATE ROLE shop_report NOLOGIN;
  END IF;
END $$;

CREATE EXTENSION citext;
CREATE EXTENSION pg_trgm;
CREATE SCHEMA shop;
CREATE SCHEMA audit;
CREATE TYPE shop.order_state AS ENUM ('new', 'paid', 'shipped', 'returned');
CREATE DOMAIN shop.percentage AS numeric(5, 2) CHECK (VALUE BETWEEN 0 AND 100);

CREATE TABLE shop.customer (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  email citext NOT NULL UNIQUE,
  name text NOT NULL,
  phone text,                                   -- often NULL
  tags text[] NOT NULL DEFAULT '{}',
  discount shop.percentage,
  fax text,                                     -- dropped below
  created_at timestamptz NOT NULL
);
INSERT INTO shop.customer (email, name, phone, tags, discount, fax, created_at)
SELECT 'Customer.' || n || '@example.org',
       (ARRAY['Ana', 'Björn', 'Chloé', 'Đorđe', '李', 'O''Neil'])[1 + n % 6] || ' ' || substr(md5(n::text), 1, 8),
       CASE WHEN n % 3 > 0 THEN '+33 ' || (random() * 1e8)::bigint END,
       CASE n % 4 WHEN 0 THEN '{}' WHEN 1 THEN '{vip}' WHEN 2 THEN ARRAY['net 30', 'says "hello"'] ELSE '{a,NULL,b}' END::text[],
       CASE WHEN n % 10 = 0 THEN (random() * 100)::numeric(5, 2) END,
       'none',
       timestamptz '2024-01-01' + n * interval '11 minutes'
FROM generate_series(1, pg_temp.rows(0.05)) n;
ALTER TABLE shop.customer DROP COLUMN fax;

CREATE TABLE shop.product (
  sku text PRIMARY KEY,
  title text NOT NULL,
  price numeric(12, 4) NOT NULL,
  net numeric GENERATED ALWAYS AS (round(price / 1.2, 4)) STORED,
  attributes jsonb NOT NULL
);
INSERT INTO shop.product (sku, title, price, attributes)
SELECT 'SKU-' || lpad(n::text, 7, '0'), 'Product ' || md5(n::text), (random() * 1000)::numeric(12, 4),
       jsonb_build_object('colour', (ARRAY['red', 'green', null])[1 + n % 3], 'weight_kg', round((random() * 50)::numeric, 3),
                          'sizes', to_jsonb(ARRAY[n % 7, n % 11]), 'note', E'tab\there, line\nbreak, back\\slash')
FROM generate_series(1, pg_temp.rows(0.02)) n;
CREATE INDEX product_title_words ON shop.product USING gin (title gin_trgm_ops);

CREATE SEQUENCE shop.order_number START 100000 INCREMENT 7 CACHE 10;
CREATE TABLE shop.orders (
  id bigint NOT NULL DEFAULT nextval('shop.order_number'),
  placed_at timestamptz NOT NULL,
  customer_id bigint NOT NULL REFERENCES shop.customer,
  state shop.order_state NOT NULL,
  comment text,
  PRIMARY KEY (id, placed_at)
) PARTITION BY RANGE (placed_at);
ALTER SEQUENCE shop.order_number OWNED BY shop.orders.id;
DO $$
BEGIN
  FOR month IN 0 .. 11 LOOP
    EXECUTE format('CREATE TABLE shop.orders_%s PARTITION OF shop.orders FOR VALUES FROM (%L) TO (%L)',
                   to_char(date '2025-01-01' + make_interval(months => month), 'YYYYMM'),
                   date '2025-01-01' + make_interval(months => month), date '2025-01-01' + make_interval(months => month + 1));
  END LOOP;
END $$;
CREATE TABLE shop.orders_other PARTITION OF shop.orders DEFAULT;
INSERT INTO shop.orders (id, placed_at, customer_id, state, comment)
SELECT 100000 + 7 * n, timestamptz '2025-01-01' + random() * interval '370 days', 1 + (random() * (pg_temp.rows(0.05) - 1))::int,
       (enum_range(NULL::shop.order_state))[1 + n % 4], CASE WHEN n % 5 = 0 THEN repeat('word ', n % 30) END
FROM generate_series(1, pg_temp.rows(0.25)) n;
SELECT setval('shop.order_number', (SELECT max(id) FROM shop.orders));

CREATE TABLE shop.order_line (
  order_id bigint NOT NULL,
  placed_at timestamptz NOT NULL,
  line smallint NOT NULL,
  sku text NOT NULL REFERENCES shop.product,
  quantity int NOT NULL CHECK (quantity > 0),
  unit_price numeric(12, 4) NOT NULL,
  total numeric GENERATED ALWAYS AS (quantity * unit_price) STORED,
  PRIMARY KEY (order_id, line)
);
INSERT INTO shop.order_line (order_id, placed_at, line, sku, quantity, unit_price)
SELECT id, placed_at, line, 'SKU-' || lpad((1 + (id + line) % pg_temp_rows)::text, 7, '0'), 1 + (id % 9)::int, (id % 10000) / 7.0
FROM shop.orders, generate_series(1, 2) line, pg_temp.rows(0.02) pg_temp_rows;
ALTER TABLE shop.order_line ADD FOREIGN KEY (order_id, placed_at) REFERENCES shop.orders (id, placed_at);

CREATE TABLE audit.event (
  id bigserial PRIMARY KEY,
  at timestamptz NOT NULL,
  local_time timestamp,
  took interval,
  client inet,
  ratio double precision,
  payload jsonb,
  ids bigint[]
);
INSERT INTO audit.event (at, local_time, took, client, ratio, payload, ids)
SELECT timestamptz '2025-06-01' + n * interval '37 seconds', CASE WHEN n % 2 = 0 THEN timestamp '2025-06-01' + n * interval '1 second' END,
       n % 5000 * interval '1 millisecond', ('10.' || n % 256 || '.' || n % 199 || '.1')::inet,
       CASE n % 1000 WHEN 0 THEN 'NaN' WHEN 1 THEN '-Infinity' ELSE random() END::float8,
       CASE WHEN n % 4 > 0 THEN jsonb_build_object('event', n % 17, 'user', 'u' || n % 999, 'trace', md5(n::text)) END,
       CASE WHEN n % 3 = 0 THEN ARRAY[n, NULL, -n] END
FROM generate_series(1, pg_temp.rows(0.20)) n;

CREATE TABLE shop.document (
  id uuid PRIMARY KEY,
  sku text REFERENCES shop.product ON DELETE SET NULL,
  content bytea,
  digest bytea GENERATED ALWAYS AS (sha256(content)) STORED
);
INSERT INTO shop.document (id, sku, content)
SELECT md5('document' || n)::uuid, 'SKU-' || lpad((1 + n % pg_temp_rows)::text, 7, '0'),
       CASE WHEN n % 50 > 0 THEN decode(repeat(md5(n::text), 1 + n % 40), 'hex') END
FROM generate_series(1, pg_temp.rows(0.01)) n, pg_temp.rows(0.02) pg_temp_rows;

-- What surprises careless tools: names, no columns, no rows, inheritance, an unlogged table.
CREATE TABLE shop."a ""quoted"" name, with é and spaces" ("select" int, "The Column" text);
INSERT INTO shop."a ""quoted"" name, with é and spaces" VALUES (1, 'one'), (NULL, NULL), (3, '\N'), (4, '\.');
CREATE TABLE shop.no_columns ();
INSERT INTO shop.no_columns SELECT FROM generate_series(1, 3);
CREATE TABLE shop.no_rows (id int PRIMARY KEY);
CREATE TABLE audit.old_event (archived_on date) INHERITS (audit.event);
CREATE UNLOGGED TABLE shop.cart (customer_id bigint, sku text);
INSERT INTO shop.cart SELECT n, 'SKU-0000001' FROM generate_series(1, 10) n;

CREATE VIEW shop.revenue AS
SELECT date_trunc('month', placed_at) AS month, sum(total) AS total FROM shop.order_line GROUP BY 1;
CREATE MATERIALIZED VIEW shop.best_customer AS
SELECT customer_id, count(*) AS orders FROM shop.orders GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 100;
CREATE MATERIALIZED VIEW shop.not_yet_filled AS SELECT count(*) FROM audit.event WITH NO DATA;

CREATE FUNCTION audit.refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'events are only added'; END $$;
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE ON audit.event FOR EACH ROW EXECUTE FUNCTION audit.refuse_change();

CREATE TABLE shop.invoice (
  number text PRIMARY KEY,
  clerk name NOT NULL DEFAULT current_user,
  customer_id bigint NOT NULL REFERENCES shop.customer,
  amount numeric NOT NULL,
  due date NOT NULL
);
INSERT INTO shop.invoice
SELECT 'F-2025-' || n, CASE WHEN n % 2 = 0 THEN 'shop_clerk' ELSE 'somebody_else' END, 1 + n % pg_temp_rows,
       (random() * 1e6)::numeric(14, 2), date '2025-01-01' + n % 365
FROM generate_series(1, pg_temp.rows(0.01)) n, pg_temp.rows(0.05) pg_temp_rows;
ALTER TABLE shop.invoice ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_invoices ON shop.invoice USING (clerk = current_user);

GRANT USAGE ON SCHEMA shop TO shop_clerk, shop_report;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA shop TO shop_clerk;
GRANT SELECT ON shop.revenue, shop.best_customer TO shop_report;
GRANT SELECT (id, name) ON shop.customer TO shop_report;
ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO shop_report;

SELECT count(lo_from_bytea(0, decode(repeat(md5(n::text), 100 * n), 'hex'))) FROM generate_series(1, 25) n;
COMMENT ON TABLE shop.customer IS 'Who buys; it''s only a demonstration';
ANALYZE;

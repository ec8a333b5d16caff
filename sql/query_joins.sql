-- FROM with several items.  q_few is a small table with keys that q_all lacks, NULLs and duplicates.
CREATE TABLE q_few (id int PRIMARY KEY, k int, name varchar(20) NOT NULL, amount numeric(8,3));
INSERT INTO q_few SELECT i, CASE WHEN i % 4 = 0 THEN NULL ELSE i % 13 END, 'name ' || i % 5, i * 1.5
  FROM generate_series(1, 40) i;
VACUUM ANALYZE q_few;

SELECT same('SELECT count(*) FROM q_all a JOIN q_one b USING (id)');
SELECT same('SELECT count(*) FROM q_all a, q_few f WHERE a.k = f.k AND a.i4 > f.id');
SELECT same('SELECT f.name, count(*), sum(a.n), avg(f.amount) FROM q_all a, q_few f WHERE a.k = f.k GROUP BY f.name ORDER BY 1');
SELECT same('SELECT f.id, a.t FROM q_few f LEFT JOIN q_all a ON a.id = f.id AND a.b');
SELECT same('SELECT f.id, count(a.id), count(a.k), count(f.name) FROM q_few f LEFT JOIN q_all a ON a.id = f.id * 200 GROUP BY f.id ORDER BY 1');
SELECT same('SELECT count(f.name), count(*) FROM q_few f RIGHT JOIN q_all a ON a.id = f.id');
SELECT same('SELECT f.id, g.id, f.k FROM q_few f FULL JOIN q_few g ON f.id = g.id + 20 ORDER BY 1, 2');
SELECT same('SELECT id, f.k, g.k FROM q_few f FULL JOIN (SELECT id + 20 AS id, k FROM q_few) g USING (id) ORDER BY 1');
SELECT same('SELECT * FROM q_few f NATURAL JOIN q_few g');
SELECT same('SELECT count(*) FROM q_few f CROSS JOIN q_few g CROSS JOIN q_one');
SELECT same('SELECT f.id, g.id, h.id FROM q_few f LEFT JOIN (q_few g JOIN q_few h ON g.k = h.id) ON f.k = g.id AND f.id > h.id');
SELECT same('SELECT f.id, g.id, h.id FROM q_few f LEFT JOIN q_few g ON f.k = g.id LEFT JOIN q_few h ON g.k = h.id WHERE h.id IS NULL');
SELECT same('SELECT count(*) FROM (q_few f JOIN q_few g USING (k)) JOIN q_all USING (k)');
SELECT same('SELECT k, j.name FROM (q_few f FULL JOIN (SELECT id AS k FROM q_few) g USING (k)) AS j');
SELECT same('SELECT x.name, x.n FROM (SELECT name, count(*) AS n FROM q_few GROUP BY name) x WHERE x.n > 3');
SELECT same('SELECT count(*) FROM (SELECT DISTINCT k, name FROM q_few) x JOIN q_few f ON x.k = f.id');
SELECT same('SELECT x.id, f.name FROM (SELECT id, k FROM q_few ORDER BY amount DESC, id LIMIT 5) x JOIN q_few f ON x.k = f.id');
SELECT same('SELECT v.x, f.id FROM (VALUES (1, ''a''), (2, NULL), (NULL, ''c'')) v(x, y) JOIN q_few f ON f.k = v.x');
SELECT same('SELECT * FROM (VALUES (1, 1.5), (2, 2.25)) v(x, y), q_one');
SELECT same('SELECT 1 AS one, count(*) FROM q_few, (SELECT 2) two(x)');
SELECT same('WITH x AS (SELECT k, count(*) AS n FROM q_few GROUP BY k) SELECT a.k, b.n FROM x a, x b WHERE a.k = b.n');
SELECT same('WITH x AS (SELECT id, k FROM q_few), y AS (SELECT x.k, f.name FROM x JOIN q_few f ON f.id = x.k) SELECT name, count(*) FROM y GROUP BY name');
SELECT same('WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 3) SELECT r.i, f.id FROM r, q_few f WHERE f.id = r.i');
SELECT same('SELECT f.id, l.n FROM q_few f, LATERAL (SELECT count(*) AS n FROM q_few g WHERE g.k = f.id) l');
SELECT same('SELECT f.id, l.id FROM q_few f LEFT JOIN LATERAL (SELECT g.id FROM q_few g WHERE g.k = f.id ORDER BY g.id LIMIT 2) l ON true');
SELECT same('SELECT f.id, l.m FROM q_few f, q_one o, LATERAL (SELECT f.k + g.id AS m FROM q_few g WHERE g.id = f.id AND o.id > g.k) l');
SELECT same('SELECT f.id, x FROM q_few f, generate_series(1, f.id) x WHERE f.id < 4');
SELECT same('SELECT f.* FROM q_few f, q_one FOR UPDATE OF f');
SELECT same('SELECT f FROM q_few f');
SELECT same('SELECT f.ctid FROM q_few f JOIN q_one o ON f.id = o.id');
SELECT same('SELECT count(*) FROM q_few f JOIN pg_class c ON c.relpages = f.id AND false');
SELECT same('SELECT a.k, sum(CASE WHEN f.name = ''name 1'' THEN a.n ELSE 0 END) FROM q_all a JOIN q_few f ON a.k = f.k GROUP BY a.k');
SELECT same('SELECT x.v, sum(x.s) FROM (SELECT CASE WHEN b THEN n ELSE 0 END AS s, k AS v FROM q_all) x GROUP BY x.v ORDER BY 1');
SELECT same('SELECT x.s FROM (SELECT CASE WHEN b THEN n ELSE 0 END AS s, id FROM q_all) x WHERE x.id < 30 ORDER BY x.id');

SELECT tqp.explain('SELECT f.id, a.t FROM q_few f RIGHT JOIN q_all a ON a.id = f.id WHERE f.amount > 3', 'lowered');
SELECT tqp.explain('SELECT f.id, l.n FROM q_few f, LATERAL (SELECT count(*) AS n FROM q_few g WHERE g.k = f.id) l', 'lowered');

-- Row security and barriers: their conditions stand right above the table.
CREATE TABLE q_guarded (id int, owner text, secret text);
INSERT INTO q_guarded SELECT i, CASE WHEN i % 2 = 0 THEN 'q_reader' ELSE 'nobody' END, 's' || i FROM generate_series(1, 100) i;
VACUUM ANALYZE q_guarded;
ALTER TABLE q_guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON q_guarded USING (owner = current_user::text);
CREATE POLICY few ON q_guarded AS RESTRICTIVE USING (id IN (SELECT f.id FROM q_few f));
CREATE VIEW q_barrier WITH (security_barrier) AS SELECT id, secret FROM q_guarded WHERE id < 30;
CREATE ROLE q_reader;
GRANT SELECT ON q_guarded, q_few, q_all TO q_reader;
GRANT SELECT ON q_barrier TO q_reader;
SET ROLE q_reader;
SET tqp.force = on;
SELECT count(*), min(id), max(id) FROM q_guarded;
SELECT g.id, f.name FROM q_guarded g JOIN q_few f USING (id) WHERE g.secret LIKE 's1%' ORDER BY 1;
SELECT tqp.explain('SELECT g.id FROM q_guarded g WHERE g.secret = ''s2''', 'lowered');
RESET ROLE;
SELECT count(*) FROM q_barrier b JOIN q_few f USING (id) WHERE b.secret > 's2';
EXPLAIN (COSTS OFF) SELECT count(*) FROM q_barrier b WHERE b.secret > 's2';
RESET tqp.force;
SET ROLE q_reader;
SELECT count(*) FROM q_few JOIN q_one USING (id); -- permission denied
RESET ROLE;
-- A function that tells what it sees must not meet rows that a policy or a barrier hides.
CREATE FUNCTION q_tell(text) RETURNS bool LANGUAGE plpgsql IMMUTABLE COST 0.0001 AS $$
BEGIN
    RAISE NOTICE 'saw %', $1;
    RETURN true;
END $$;
SET tqp.force = on;
SELECT id FROM q_barrier WHERE q_tell(secret) AND id < 4 ORDER BY 1;
SET ROLE q_reader;
SELECT g.id FROM q_guarded g JOIN q_few f USING (id) WHERE q_tell(g.secret) AND f.id < 5 ORDER BY 1;
SELECT f.id, g.id FROM q_few f LEFT JOIN q_guarded g ON g.id = f.id AND q_tell(g.secret) WHERE f.id < 5 ORDER BY 1;
SELECT f.id FROM q_few f WHERE EXISTS (SELECT 1 FROM q_guarded g WHERE g.id = f.id AND q_tell(g.secret)) AND f.id < 4;
SELECT count(*) FROM q_guarded g JOIN q_few f USING (id) WHERE 1 / (g.id - 3) < 9; -- 3 is hidden: no error
RESET ROLE;
RESET tqp.force;
DROP FUNCTION q_tell;
REVOKE ALL ON q_guarded, q_few, q_all, q_barrier FROM q_reader;
DROP ROLE q_reader;

-- Columns that depend on a grouped primary key
SELECT same('SELECT f.id, f.name, f.amount, sum(a.i4) FROM q_few f JOIN q_all a ON a.k = f.k GROUP BY f.id HAVING f.amount > 5 ORDER BY f.name, f.id');
SELECT same('SELECT id, name, count(*) FROM q_few GROUP BY id');
SELECT same('SELECT f.id, (SELECT count(*) FROM q_all a WHERE a.k = f.k) FROM q_few f GROUP BY f.id');

-- Partitions and inheritance: columns go by name, pruned partitions are not read.
CREATE TABLE q_parts (id int, d date, v numeric(10,2), t text) PARTITION BY RANGE (d);
CREATE TABLE q_parts_1 PARTITION OF q_parts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE q_parts_2 (t text, gone int, v numeric(10,2), id int, d date);
ALTER TABLE q_parts_2 DROP COLUMN gone;
ALTER TABLE q_parts ATTACH PARTITION q_parts_2 FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
CREATE TABLE q_parts_3 PARTITION OF q_parts FOR VALUES FROM ('2022-01-01') TO ('2023-01-01') PARTITION BY LIST (id);
CREATE TABLE q_parts_3a PARTITION OF q_parts_3 DEFAULT;
INSERT INTO q_parts SELECT i, date '2020-01-01' + i, i * 0.25, 't' || i % 7 FROM generate_series(0, 1000) i;
CREATE TABLE q_parent (id int, note text);
CREATE TABLE q_child (extra int) INHERITS (q_parent);
INSERT INTO q_parent SELECT i, 'p' || i FROM generate_series(1, 20) i;
INSERT INTO q_child SELECT i, 'c' || i, i * 2 FROM generate_series(1, 30) i;
VACUUM ANALYZE q_parts, q_parent, q_child;
SELECT same('SELECT t, count(*), sum(v), max(d) FROM q_parts GROUP BY t ORDER BY t');
SELECT same('SELECT p.id, f.name FROM q_parts p JOIN q_few f USING (id) WHERE p.v < 8');
SELECT same('SELECT count(*), max(note) FROM q_parent');
SELECT same('SELECT count(*), max(note) FROM ONLY q_parent');
SELECT tqp.explain('SELECT sum(v) FROM q_parts WHERE d >= ''2021-01-01''', 'lowered');
PREPARE parts AS SELECT count(*), sum(id) FROM q_parts;
SET tqp.force = on;
EXECUTE parts;
EXECUTE parts;
CREATE TABLE q_parts_4 PARTITION OF q_parts FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
INSERT INTO q_parts VALUES (5000, '2023-05-05', 1, 'new');
EXECUTE parts;
ALTER TABLE q_parts DETACH PARTITION q_parts_1;
EXECUTE parts;
RESET tqp.force;
DEALLOCATE parts;

-- a condition on both sides that may raise does not hold the order of joins
SELECT same('SELECT count(*), sum(c.i4) FROM q_all c, q_few f, q_all a, q_all b WHERE a.id + b.id = c.id AND a.id + b.id = f.id AND a.id = b.id');
SELECT tqp.explain('SELECT count(*) FROM q_all c, q_few f, q_all a, q_all b WHERE a.id + b.id = c.id AND a.id + b.id = f.id AND a.id = b.id');
SELECT same('SELECT count(*) FROM q_all a, q_few f, q_few g WHERE a.k = f.id AND f.id = g.id AND 100 / (a.k - g.k + 100) = 1');
SET tqp.force = on;
SELECT count(*) FROM q_all a, q_few f, q_few g WHERE a.k = f.id AND f.k = g.k AND 100 / (a.k - g.id) > 3; -- division by zero
RESET tqp.force;

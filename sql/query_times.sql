-- Booleans in order, intervals, and timestamptz in time zones.
-- booleans
SELECT same('SELECT id FROM q_all WHERE b > (k = 2) OR b <= false');
SELECT same('SELECT id, greatest(b, k = 2), least(b, k = 2), b < true, b >= (i4 > 0) FROM q_all ORDER BY b, id');
SELECT same('SELECT max(greatest(b, k = 2)::int), b FROM q_all WHERE b BETWEEN false AND (k > 1) GROUP BY b ORDER BY b DESC NULLS LAST');
-- intervals
SELECT same('SELECT id, ts + interval ''1 hour'', ts - interval ''2 days 3:04:05.678'', ts + interval ''-1 month 40 days'', d + interval ''1 mon 1 day'', d - interval ''36 hours'', tz - interval ''25 hours'', tz + interval ''0.000001 s'' FROM q_all');
SELECT same('SELECT id FROM q_all WHERE ts + interval ''2 days'' > timestamp ''2000-02-29 12:00'' AND ts - interval ''1 month 1 day 1 hour'' < timestamp ''2000-03-31''');
SELECT same('SELECT max(ts + interval ''1 month 2 days 3 hours''), min(tz - interval ''3 hours''), min(d - interval ''1 month 1 day'') FROM q_all');
-- timestamptz in the session's zone
SET timezone = 'UTC';
SELECT same('SELECT id, tz::date, tz::timestamp, tz::time, extract(hour FROM tz), extract(epoch FROM tz), extract(second FROM tz), date_part(''month'', tz), date_trunc(''day'', tz), date_trunc(''hour'', tz) FROM q_all');
SELECT same('SELECT date_trunc(''month'', tz) AS m, count(*), min(tz::date), max(tz::time), sum(extract(dow FROM tz)) FROM q_all GROUP BY 1 ORDER BY 1');
SET timezone = 'Europe/Berlin';
SELECT same('SELECT id FROM q_all WHERE tz::date = ''2002-03-31'' OR extract(hour FROM tz) = 2 OR extract(epoch FROM tz) < 1e9');
SELECT same('SELECT date_trunc(''day'', tz) AS x, count(*), max(tz::timestamp), min(tz::time), sum(extract(hour FROM tz)), sum(date_part(''doy'', tz)) FROM q_all GROUP BY 1');
SELECT same('SELECT date_trunc(''week'', tz) AS x, date_trunc(''year'', tz) AS y, count(*) FROM q_all GROUP BY 1, 2');
SELECT same('SELECT date_trunc(''hour'', tz) AS x, date_trunc(''minute'', tz) AS y, count(*) FROM q_all GROUP BY 1, 2');
SET timezone = 'Asia/Kolkata';
SELECT same('SELECT date_trunc(''hour'', tz) AS x, date_trunc(''quarter'', tz) AS y, count(*), sum(extract(minute FROM tz)) FROM q_all GROUP BY 1, 2');
SET timezone = 'America/St_Johns';
SELECT same('SELECT date_trunc(''hour'', tz) AS x, date_trunc(''day'', tz) AS y, count(*), sum(extract(minute FROM tz)) FROM q_all GROUP BY 1, 2');
RESET timezone;
-- another zone
SELECT same('SELECT (tz AT TIME ZONE ''America/New_York'')::date AS x, count(*), sum(extract(hour FROM tz AT TIME ZONE ''Asia/Tokyo'')) FROM q_all GROUP BY 1');
SELECT same('SELECT sum(extract(hour FROM tz AT TIME ZONE ''UTC'')), sum(extract(hour FROM tz AT TIME ZONE ''EST'')), sum(extract(hour FROM tz AT TIME ZONE ''+03'')), sum(extract(hour FROM tz AT TIME ZONE ''cet'')), sum(extract(hour FROM tz AT TIME ZONE ''Xyz+5:30'')) FROM q_all');
SELECT same('SELECT max(tz AT TIME ZONE ''MSK'') FROM q_all');
-- around changes of the offset: summer time, local mean time, after the last that zone files list
CREATE TABLE times_edge (p int, tz timestamptz);
CREATE TABLE times_null (tz timestamptz);
INSERT INTO times_null VALUES (NULL), (NULL);
CREATE FUNCTION edges(p int) RETURNS text LANGUAGE sql AS $$
SELECT same(format('SELECT tz::timestamp AS l, tz::date, extract(hour FROM tz) AS h, date_trunc(''hour'', tz) AS th, date_trunc(''day'', tz) AS td, date_trunc(''month'', tz) AS tm, count(*) FROM times_edge WHERE p = %s GROUP BY 1, 2, 3, 4, 5, 6', p)) $$;
CREATE FUNCTION around(p int, instants timestamptz[]) RETURNS void LANGUAGE sql AS $$
TRUNCATE times_edge;
INSERT INTO times_edge SELECT p, tz + us * interval '1 microsecond' FROM unnest(instants) tz, unnest('{-1,0,1,3600000000}'::int8[]) us $$;
SET timezone = 'Europe/Berlin';
SELECT around(1, '{2002-03-31 01:00+00,2002-10-27 01:00+00,2002-10-27 00:00+00,1990-01-01 00:00+00}');
SELECT edges(1);
SELECT around(2, '{1893-03-31 23:00+00,1893-03-31 23:06:32+00,1850-05-05 05:05:05+00,1945-05-24 00:00+00}');
SELECT edges(2);
SELECT around(3, '{2037-10-25 01:00+00,2038-01-19 03:14:08+00,2041-03-31 01:00+00}');
SELECT edges(3);
-- midnights that do not exist
SET timezone = 'America/Sao_Paulo';
TRUNCATE times_edge;
INSERT INTO times_edge SELECT 4, timestamptz '2017-10-14 22:00+00' + i * interval '17 minutes' FROM generate_series(1, 500) i;
SELECT edges(4);
-- infinity, and more changes than are listed
INSERT INTO times_edge VALUES (4, 'infinity');
SELECT edges(4);
DELETE FROM times_edge WHERE tz = 'infinity';
INSERT INTO times_edge VALUES (4, '1000-01-01 00:00+00 BC');
SELECT edges(4);
SELECT same('SELECT max(tz + interval ''1 hour''), min(tz - interval ''1 hour'') FROM times_edge WHERE tz > ''1990-01-01''');
SELECT same('SELECT date_trunc(''day'', tz), extract(year FROM tz), tz + interval ''1 hour'' FROM times_null');
SELECT same('SELECT date_trunc(''day'', tz), count(extract(year FROM tz)), max(tz + interval ''1 hour'') FROM times_null GROUP BY 1');
RESET timezone;
DROP FUNCTION edges, around;
DROP TABLE times_edge, times_null;

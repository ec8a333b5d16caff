-- WHERE and target expressions of every type: the rows must be PostgreSQL's own.
SELECT same('SELECT id,b,i2,i4,i8,f4,f8,n,n0,nw,d,ti,ts,tz,t,v,c,tc FROM q_all WHERE i4 > 100');
SELECT same('SELECT id,b,i2,i4,i8,f4,f8,n,n0,nw,d,ti,ts,tz,t,v,c,tc FROM q_one');
SELECT same('SELECT id,b,n,t,c FROM q_empty');
SELECT same('SELECT 1, ''x'' FROM q_all LIMIT 3');

-- numeric: display scales, constants and parameters off the column's grid
SELECT same('SELECT id FROM q_all WHERE n BETWEEN 10.005 AND 20.015');
SELECT same('SELECT id FROM q_all WHERE n = 10.005 OR n <> 10.01');
SELECT same('SELECT id FROM q_all WHERE n IN (10, 10.5, 11.123, 12.00, NULL)');
SELECT same('SELECT id FROM q_all WHERE n NOT IN (10, 10.5, 11.123, 12.00)');
SELECT same('SELECT id FROM q_all WHERE n < ''NaN'' AND n > ''-Infinity'' AND n < 1e30');
SELECT same('SELECT id, n + n0, n - 1, n * n, n * nw, -n, abs(n), n % 7, n * 2.500 FROM q_all');
SELECT same('SELECT id, n::int4, n::float8, i4::numeric, n::numeric(14,2), n::numeric(12,1), n::numeric(15,4) FROM q_all');
SELECT same('SELECT id, n / 3, round(n, 1), n::text, sqrt(abs(n)) FROM q_all');
SELECT same('SELECT id, CASE WHEN b THEN n ELSE 0 END, coalesce(n, 0), greatest(n, 1.5) FROM q_all');
SELECT same('SELECT id FROM q_all WHERE n0 = i4 OR n > f8 OR nw < 1e9');

-- integers and floats
SELECT same('SELECT id, i4 + i2, i4 - i8, i2 * 2, i4 / 7, i4 % 7, -i4, +i4, abs(i4), i8 / 3 FROM q_all');
SELECT same('SELECT id, f4 + f8, f8 * 2, f8 / 3, i4 + f8, -f4, abs(f8), f4 * f4 FROM q_all');
SELECT same('SELECT id, i4::int8, i8::float8, f8::int4, f4::float8, f8::float4, b::int, k::bool FROM q_all');
SELECT same('SELECT id FROM q_all WHERE i2 > 100000 OR i4 < 3000000000 AND i8 <> 5 OR f4 = 0.5');
SELECT same('SELECT id FROM q_all WHERE i4 = ANY (''{1,2,3,-49999}'') OR i8 > ALL (ARRAY[5,10]::int8[])');
SELECT same('SELECT id FROM q_all WHERE k = ANY (''{}''::int[]) OR k <> ALL (''{1,NULL}''::int[])');

-- booleans and NULLs
SELECT same('SELECT id FROM q_all WHERE (b OR i4 > 0) AND NOT (b AND k = 2)');
SELECT same('SELECT id FROM q_all WHERE b');
SELECT same('SELECT id, b IS TRUE, b IS NOT TRUE, b IS FALSE, b IS NOT FALSE, b IS UNKNOWN, b IS NOT UNKNOWN, b = (k = 1) FROM q_all');
SELECT same('SELECT id FROM q_all WHERE i4 IS NULL AND t IS NOT NULL AND i2 IS DISTINCT FROM i4');
SELECT same('SELECT id, CASE WHEN i4 > 0 THEN ''pos'' WHEN i4 < 0 THEN ''neg'' END, CASE k WHEN 1 THEN 10 WHEN 2 THEN 20 ELSE 0 END, coalesce(i4, i2, -1), nullif(k, 3), greatest(i2, 5), least(i4, i2) FROM q_all');
SELECT same('SELECT id, CASE WHEN k <> 0 THEN 100 / k ELSE -1 END FROM q_all WHERE k = 0 OR 100 / k > 20');

-- text: LIKE, IN, padding, collations
SELECT same('SELECT id FROM q_all WHERE t LIKE ''a%'' OR t LIKE ''%\%%'' OR t LIKE ''_nder\_%'' OR t NOT LIKE ''%e%''');
SELECT same('SELECT id FROM q_all WHERE t LIKE ''_n_c_d_'' OR v LIKE ''item _'' OR v LIKE ''''');
SELECT same('SELECT id FROM q_all WHERE c LIKE ''dd %'' OR c LIKE ''a'' OR c LIKE ''bb____''');
SELECT same('SELECT id, c FROM q_all WHERE c = ''dd'' OR c = ''a     ''');
SELECT same('SELECT id FROM q_all WHERE t IN (''apple'', ''date'', ''nope'') AND v <> ''item 5''');
SELECT same('SELECT id FROM q_all WHERE tc >= ''c'' AND tc < ''d''');
SELECT same('SELECT id FROM q_all WHERE t COLLATE "C" < ''b''');
SELECT same('SELECT id, length(t), length(c), substring(t, 2, 3), substr(v, 4), substring(t FROM -1 FOR 3) FROM q_all');
SELECT same('SELECT id, t || ''x'', upper(t), c || ''|'', left(v, 3) FROM q_all');

-- dates and times
SELECT same('SELECT id FROM q_all WHERE d < timestamp ''1996-05-05 12:00'' AND ts >= date ''2000-01-02''');
SELECT same('SELECT id FROM q_all WHERE tz > date ''2001-05-01'' AND tz < timestamp ''2005-01-01 01:01''');
SELECT same('SELECT id FROM q_all WHERE d >= date ''1996-01-01'' AND d < date ''1996-01-01'' + interval ''1'' year');
SELECT same('SELECT id FROM q_all WHERE d + 30 > date ''1997-01-01'' AND d - date ''1995-01-01'' < 1200 AND d + interval ''1 month'' < timestamp ''1999-01-01''');
SELECT same('SELECT id FROM q_all WHERE tz < now() AND d < current_date AND ti > time ''12:00''');
SELECT same('SELECT id, extract(year FROM d), extract(month FROM ts), extract(day FROM d), extract(second FROM ts), extract(epoch FROM ts), extract(dow FROM d), extract(doy FROM d), extract(week FROM d), extract(quarter FROM ts), extract(hour FROM ti), date_part(''minute'', ts), extract(century FROM d), extract(millisecond FROM ts), extract(isoyear FROM d), extract(decade FROM ts), extract(isodow FROM d) FROM q_all');
SELECT same('SELECT id, date_trunc(''month'', ts), date_trunc(''week'', ts), date_trunc(''hour'', ts), ts::date, d::timestamp, ts + interval ''1 month'', d - interval ''3 days'' FROM q_all');
SELECT same('SELECT id, ts + interval ''1 hour'', d + interval ''1 mon 1 day'', tz + interval ''1 day'', to_char(d, ''YYYY-MM'') FROM q_all');
-- a comparison does not see the scales of alternatives
SELECT same('SELECT id FROM q_all WHERE coalesce(n, 0) > 5 OR CASE WHEN b THEN nw ELSE n END < greatest(n0, 1.5)');

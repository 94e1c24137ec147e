-- What log-15.txt and log-17.txt hold: psql on servers with max_prepared_transactions = 5, autovacuum = off,
-- full_page_writes = off, and the databases shop (16384) and other (16385); read by READ of dbserver/archive/log.py for
-- shop. catalog-15.json and catalog-17.json are what the servers knew of shop afterwards, of the relations in the logs.
CREATE TABLE dear (n int);
INSERT INTO dear SELECT generate_series(1, 12);
COPY dear FROM PROGRAM 'seq 20 28';
\c other
CREATE TABLE here (n int);
INSERT INTO here VALUES (1), (2);
\c shop
UPDATE dear SET n = n + 100 WHERE n < 4;
BEGIN; DELETE FROM dear WHERE n = 101; SAVEPOINT a; DELETE FROM dear WHERE n IN (102, 103, 4, 5);
SAVEPOINT b; DELETE FROM dear WHERE n = 6; ROLLBACK TO b; COMMIT;
BEGIN; DELETE FROM dear; ROLLBACK;
BEGIN; DELETE FROM dear WHERE n IN (7, 8, 9); PREPARE TRANSACTION 'two';
COMMIT PREPARED 'two';
CREATE TABLE kept (n int);
ALTER TABLE kept ADD COLUMN more int;
INSERT INTO kept VALUES (1), (2);
TRUNCATE kept;
ALTER TABLE kept ALTER n TYPE bigint;
CREATE INDEX kept_n ON kept (n);
REINDEX INDEX kept_n;
ANALYZE kept;
CREATE TEMP TABLE passing (n int);
INSERT INTO passing VALUES (1);
DROP TABLE passing;
CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';
TRUNCATE dear;
DROP TABLE dear;

--
-- PostgreSQL database cluster dump
--

\restrict aBcD

SET default_transaction_read_only = off;

SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;

CREATE ROLE app;
ALTER ROLE app WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION NOBYPASSRLS;
CREATE ROLE "Od""d; name";
ALTER ROLE "Od""d; name" SET search_path TO E'a\\b', 'c';
GRANT app TO "Od""d; name" GRANTED BY postgres;

\unrestrict aBcD

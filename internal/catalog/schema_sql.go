package catalog

import "github.com/binnaclehq/binnacle/internal/sqldb"

// Migrations returns the catalog's tables.
//
// entities holds the present state and the tombstones of what was deleted;
// revisions every state; aliases the former names; applied what each manager's
// file said last; relations the typed references; facets the values that lists
// filter and sort by, postings who has each of them; search the words; counts
// how many there are of a kind.
func Migrations() []sqldb.Migration {
	return []sqldb.Migration{{Name: "catalog/001", SQLite: tables("INTEGER PRIMARY KEY", "") + `
;;
CREATE VIRTUAL TABLE search USING fts5(scope, title, body, content='', contentless_delete=1, tokenize="unicode61 remove_diacritics 0", prefix='2 3 4 5 6 7 8', detail=column)`,
		Postgres: tables("BIGINT PRIMARY KEY", ` COLLATE "C"`) + `
;;
CREATE TABLE search (id BIGINT PRIMARY KEY, words tsvector NOT NULL)
;;
CREATE INDEX search_words ON search USING gin (words)`},
		{Name: "catalog/002-postings", SQLite: postings("BLOB", ""), Postgres: postings("BYTEA", ` COLLATE "C"`), Run: fillPostings},
		{Name: "catalog/003-facets", SQLite: facetsByID, Postgres: `DROP INDEX facets_value`}}
}

// postings makes the index of values and the indexes that lists are walked
// along. Lists of several kinds are merged from one walk each, so they need no
// index of their own.
func postings(blob, collate string) string {
	text := "TEXT" + collate + " NOT NULL"
	return `
CREATE TABLE postings (org ` + text + `, key ` + text + `, value ` + text + `, kind ` + text + `, first BIGINT NOT NULL, ids ` + blob + ` NOT NULL,
  PRIMARY KEY (org, key, value, kind, first))
;;
DROP INDEX entities_all_name
;;
DROP INDEX entities_all_updated
;;
DROP INDEX entities_owner
;;
CREATE INDEX entities_owner ON entities (org, kind, owner, id) WHERE deleted = 0
;;
CREATE INDEX entities_created ON entities (org, kind, created, id) WHERE deleted = 0`
}

// facetsByID keeps the facets in the order of their entities, without an index
// for it beside the table.
const facetsByID = `
DROP INDEX facets_value
;;
DROP INDEX facets_id
;;
DROP INDEX facets_ord
;;
ALTER TABLE facets RENAME TO facets_before
;;
CREATE TABLE facets (id BIGINT NOT NULL, org TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, ord TEXT,
  PRIMARY KEY (id, key, value)) WITHOUT ROWID
;;
INSERT OR IGNORE INTO facets (id, org, kind, key, value, ord) SELECT id, org, kind, key, value, ord FROM facets_before ORDER BY id, key, value
;;
DROP TABLE facets_before
;;
CREATE INDEX facets_ord ON facets (org, kind, key, ord, id) WHERE ord IS NOT NULL`

func tables(id, collate string) string {
	text := "TEXT" + collate + " NOT NULL"
	return `
CREATE TABLE entities (
  id ` + id + `, uid ` + text + ` UNIQUE, org ` + text + `, kind ` + text + `, ref ` + text + `, ns ` + text + `, name ` + text + `,
  title ` + text + `, owner ` + text + `, rev BIGINT NOT NULL, created BIGINT NOT NULL, updated BIGINT NOT NULL,
  deleted INTEGER NOT NULL, doc TEXT NOT NULL, UNIQUE (org, ref))
;;
CREATE INDEX entities_name ON entities (org, kind, name, id) WHERE deleted = 0
;;
CREATE INDEX entities_title ON entities (org, kind, title, id) WHERE deleted = 0
;;
CREATE INDEX entities_updated ON entities (org, kind, updated, id) WHERE deleted = 0
;;
CREATE INDEX entities_owner ON entities (org, owner, kind, name, id) WHERE deleted = 0
;;
CREATE INDEX entities_all_name ON entities (org, name, id) WHERE deleted = 0
;;
CREATE INDEX entities_all_updated ON entities (org, updated, id) WHERE deleted = 0
;;
CREATE TABLE revisions (
  id BIGINT NOT NULL, rev BIGINT NOT NULL, op ` + text + `, at BIGINT NOT NULL, author ` + text + `, author_name ` + text + `,
  manager ` + text + `, reason ` + text + `, ref ` + text + `, doc TEXT NOT NULL, PRIMARY KEY (id, rev))
;;
CREATE TABLE aliases (org ` + text + `, ref ` + text + `, id BIGINT NOT NULL, at BIGINT NOT NULL, by_name ` + text + `, PRIMARY KEY (org, ref))
;;
CREATE INDEX aliases_id ON aliases (id)
;;
CREATE TABLE applied (id BIGINT NOT NULL, manager ` + text + `, doc TEXT NOT NULL, PRIMARY KEY (id, manager))
;;
CREATE TABLE relations (id BIGINT NOT NULL, org ` + text + `, type ` + text + `, field ` + text + `, target ` + text + `, target_id BIGINT)
;;
CREATE INDEX relations_id ON relations (id)
;;
CREATE INDEX relations_target_id ON relations (target_id, type)
;;
CREATE INDEX relations_dangling ON relations (org, target) WHERE target_id IS NULL
;;
CREATE TABLE facets (id BIGINT NOT NULL, org ` + text + `, kind ` + text + `, key ` + text + `, value ` + text + `, ord TEXT` + collate + `)
;;
CREATE INDEX facets_id ON facets (id, key, value)
;;
CREATE INDEX facets_value ON facets (org, key, value, kind, id)
;;
CREATE INDEX facets_ord ON facets (org, kind, key, ord, id) WHERE ord IS NOT NULL
;;
CREATE TABLE counts (org ` + text + `, kind ` + text + `, n BIGINT NOT NULL, PRIMARY KEY (org, kind))
;;
CREATE TABLE ids (name ` + text + ` PRIMARY KEY, next BIGINT NOT NULL)
;;
INSERT INTO ids (name, next) VALUES ('entities', 1)`
}

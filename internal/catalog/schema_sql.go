package catalog

import "github.com/binnaclehq/binnacle/internal/sqldb"

// Migrations returns the catalog's tables.
//
// entities holds the present state and the tombstones of what was deleted;
// revisions every state; aliases the former names; applied what each manager's
// file said last; relations the typed references; facets the values that lists
// filter and sort by; search the words; postings who has each value and word;
// counts how many there are of a kind; reckoned how its statuses were computed
// (Refresh); due the dates by which somebody has to do something.
func Migrations() []sqldb.Migration {
	return []sqldb.Migration{{Name: "catalog/001", SQLite: tables("INTEGER PRIMARY KEY", "") + `
;;
CREATE VIRTUAL TABLE search USING fts5(scope, title, body, content='', contentless_delete=1, tokenize="unicode61 remove_diacritics 0", prefix='2 3 4 5 6 7 8', detail=column)`,
		Postgres: tables("BIGINT PRIMARY KEY", ` COLLATE "C"`) + `
;;
CREATE TABLE search (id BIGINT PRIMARY KEY, words tsvector NOT NULL)
;;
CREATE INDEX search_words ON search USING gin (words)`},
		{Name: "catalog/002", SQL: `CREATE TABLE reckoned (kind TEXT PRIMARY KEY, version BIGINT NOT NULL)`},
		{Name: "catalog/due", SQL: `
CREATE TABLE due (id BIGINT NOT NULL, org TEXT NOT NULL, kind TEXT NOT NULL, path TEXT NOT NULL, at BIGINT NOT NULL, timed INTEGER NOT NULL, who TEXT NOT NULL)
;;
CREATE INDEX due_id ON due (id)
;;
CREATE INDEX due_at ON due (org, at, id)`},
		{Name: "catalog/postings", SQLite: postings("BLOB", ""), Postgres: postings("BYTEA", ` COLLATE "C"`)}}
}

// DerivedTables are made from the other tables by Rebuild.
var DerivedTables = []string{"facets", "postings", "search"}

// postings replaces the full-text index of either database and the index of
// values by one of our own, and leaves word that they are to be filled where
// there are entities. Lists of several kinds are merged from one walk each, so
// they need no index of their own; entities_keys holds what sorts an entity
// without its document.
func postings(blob, collate string) string {
	text := "TEXT" + collate + " NOT NULL"
	id, facets := `BIGINT`, `)
;;
CREATE INDEX facets_id ON facets (id, key, value)`
	if blob == "BLOB" {
		id, facets = `INTEGER`, `, PRIMARY KEY (id, key, value)) WITHOUT ROWID`
	}
	return `
CREATE TABLE postings (org ` + text + `, key ` + text + `, value ` + text + `, kind ` + text + `, first BIGINT NOT NULL, ids ` + blob + ` NOT NULL,
  PRIMARY KEY (org, key, value, kind, first))
;;
DROP TABLE search
;;
CREATE TABLE search (id ` + id + ` PRIMARY KEY, title TEXT NOT NULL, body TEXT NOT NULL)
;;
DROP TABLE facets
;;
CREATE TABLE facets (id BIGINT NOT NULL, org ` + text + `, kind ` + text + `, key ` + text + `, value ` + text + `, ord TEXT` + collate + facets + `
;;
CREATE INDEX facets_ord ON facets (org, kind, key, ord, id) WHERE ord IS NOT NULL
;;
DROP INDEX entities_all_name
;;
DROP INDEX entities_all_updated
;;
DROP INDEX entities_owner
;;
CREATE INDEX entities_owner ON entities (org, kind, owner, id) WHERE deleted = 0
;;
CREATE INDEX entities_created ON entities (org, kind, created, id) WHERE deleted = 0
;;
CREATE INDEX entities_keys ON entities (id, name, title, owner, created, updated) WHERE deleted = 0
;;
INSERT INTO ids (name, next) SELECT '` + rebuildMark + `', 1 WHERE EXISTS (SELECT 1 FROM entities)`
}

// rebuildMark is the row of ids that says that Rebuild has not ended.
const rebuildMark = "rebuild"

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

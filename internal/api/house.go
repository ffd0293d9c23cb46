package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
)

type recordList struct {
	Items []audit.Record `json:"items"`
	Next  int64          `json:"next,omitempty" doc:"Value of before for the next page; not there on the last."`
}

func auditParams() []param {
	return []param{
		text("text", "Somewhere in the actor, action, target, detail or address."), text("actor", "Exactly this account."),
		text("action", "Exactly this, or as entity.* all that begin so."), text("target", "Likewise."),
		choice("outcome", "How it ended.", audit.OK, audit.Refused, audit.Failed), choice("via", "Through which face.", "web", "api", "cli", "mcp", "system"),
		moment("from", "At or after this moment (RFC 3339)."), moment("to", "Before this moment."),
	}
}

func moment(name, doc string) param {
	return param{name: name, doc: doc, schema: schema{"type": "string", "format": "date-time"}}
}

// moment returns a parameter that checkQuery has found to be a moment.
func (c *call) moment(name string) time.Time {
	t, err := time.Parse(time.RFC3339, c.get(name))
	if err != nil {
		return time.Time{}
	}
	return t
}

func (c *call) auditQuery() audit.Query {
	return audit.Query{Text: c.get("text"), Actor: c.get("actor"), Action: c.get("action"), Target: c.get("target"),
		Outcome: c.get("outcome"), Via: c.get("via"), From: c.moment("from"), To: c.moment("to")}
}

func (c *call) searchAudit() error {
	q := c.auditQuery()
	q.Before, q.Limit = c.number("before", 0), int(c.number("limit", 100))
	records, next, err := c.Audit.Search(c.r.Context(), c.caller.Org, q)
	if err != nil {
		return err
	}
	if next > 0 {
		c.linkNext("before", strconv.FormatInt(next, 10))
	}
	return c.send(http.StatusOK, recordList{orEmpty(records), next})
}

func (c *call) exportAudit() error {
	offered := []string{ndjsonType, csvType}
	if f := c.get("format"); f != "" {
		offered = []string{formats[f]}
		c.r.Header.Del("Accept")
	}
	t, err := c.accept(offered)
	if err != nil {
		return err
	}
	format := "ndjson"
	if t == csvType {
		format, t = "csv", "text/csv; charset=utf-8; header=present"
	}
	c.w.Header().Set("Content-Type", t)
	c.w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="audit.%s"`, format))
	return c.Audit.Export(c.r.Context(), c.caller.Org, c.w, format, c.auditQuery())
}

func (c *call) verifyAudit() error {
	var anchors []audit.Anchor
	if seq, hash := c.number("seq", 0), c.get("hash"); (seq > 0) != (hash != "") {
		return badParam("hash", "and seq go together")
	} else if seq > 0 {
		anchors = append(anchors, audit.Anchor{Seq: seq, Hash: hash})
	}
	report, err := c.Audit.Verify(c.r.Context(), c.caller.Org, anchors...)
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, report)
}

// version says what who calls needs to fit to it; how it runs is for who may
// monitor.
func (c *call) version() error {
	v := versionInfo{Version: c.Version, API: "v1"}
	if c.caller.Can(auth.Monitor, auth.Resource{}) == nil {
		v.Go, v.Started, v.Store = runtime.Version(), c.Started, string(c.Catalog.DB().Dialect())
	}
	return c.send(http.StatusOK, v)
}

// backup streams a copy of the installation; that it was taken is in the audit
// log before the first byte leaves.
func (c *call) backup() error {
	p, events := c.caller.Principal, c.flag("events")
	record := &audit.Record{Org: p.Org, Actor: p.Account, ActorName: p.Name, Action: "backup.download", Target: "installation", IP: p.IP, Via: p.Via}
	record.Detail, _ = json.Marshal(map[string]any{"events": events})
	if err := c.Audit.Write(c.r.Context(), record); err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", rawType)
	c.w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="binnacle-%s.backup"`, time.Now().UTC().Format("20060102-150405")))
	return c.API.Backup(c.r.Context(), c.w, events)
}

// openapi answers with the description, which never changes while the program
// runs.
func (c *call) openapi(t string) error {
	d, err := c.spec()
	if err != nil {
		return err
	}
	data := d.json
	if t == yamlType {
		data = d.yaml
	}
	h := c.w.Header()
	h.Set("ETag", `"`+d.hash+`"`)
	h.Set("Cache-Control", "no-cache")
	if bytes.Contains([]byte(c.r.Header.Get("If-None-Match")), []byte(d.hash)) {
		c.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return c.write(http.StatusOK, t, data)
}

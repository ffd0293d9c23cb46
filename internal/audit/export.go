package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Formats are the forms of an export.
var Formats = []string{"ndjson", "csv"}

// Export writes the records that match to w, oldest first, as they are at one
// moment. "ndjson" has a record a line and a last line {"end":…}, and can be
// checked by VerifyExport; "csv" is for reading in a spreadsheet, with a ' before
// what a spreadsheet would take for a formula.
func (l *Log) Export(ctx context.Context, org string, w io.Writer, format string, q Query) error {
	out := bufio.NewWriter(w)
	var write func(*Record) error
	var finish func(trailer) error
	switch format {
	case "ndjson":
		write, finish = ndjson(out)
	case "csv":
		write, finish = spreadsheet(out)
	default:
		return fault.New(fault.Invalid, "there is no audit export format %q", format).Coded("audit-format").WithHint("use one of %s", strings.Join(Formats, ", "))
	}
	end := trailer{Format: version, Org: org, Filtered: q != Query{}}
	err := l.db.View(ctx, func(tx *sqldb.Tx) error {
		return stream(ctx, tx, q, org, func(r *Record) error {
			end.Count, end.Last, end.Head = end.Count+1, r.Seq, r.Hash
			return write(r)
		})
	})
	if err == nil {
		err = finish(end)
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return fmt.Errorf("audit: export: %w", err)
	}
	return nil
}

// trailer tells an NDJSON export that was cut off from a whole one.
type trailer struct {
	Format   string `json:"format"`
	Org      string `json:"org"`
	Count    int64  `json:"count"`
	Last     int64  `json:"last"`
	Head     string `json:"head"`
	Filtered bool   `json:"filtered"`
}

// lastLine is how the trailer is written.
type lastLine struct {
	End *trailer `json:"end"`
}

func ndjson(w io.Writer) (write func(*Record) error, finish func(trailer) error) {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return func(r *Record) error { return enc.Encode(r) }, func(t trailer) error { return enc.Encode(lastLine{&t}) }
}

var csvHead = []string{"seq", "at", "org", "actor", "actorName", "action", "target", "outcome", "via", "ip", "detail", "prev", "hash"}

func spreadsheet(w io.Writer) (write func(*Record) error, finish func(trailer) error) {
	c := csv.NewWriter(w)
	c.Write(csvHead) // an error stays and is returned by every later call
	return func(r *Record) error { return c.Write(cells(r)) }, func(trailer) error { c.Flush(); return c.Error() }
}

func cells(r *Record) []string {
	out := []string{strconv.FormatInt(r.Seq, 10), r.At.Format(time.RFC3339Nano), r.Org, r.Actor, r.ActorName, r.Action, r.Target,
		r.Outcome, r.Via, r.IP, string(r.Detail), r.Prev, r.Hash}
	for i, s := range out {
		if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
			out[i] = "'" + s
		}
	}
	return out
}

// maxLine bounds a line of an export, in bytes: a record at its limits, escaped.
const maxLine = 1 << 20

// VerifyExport checks an NDJSON export, on any machine. In a filtered export it
// checks every record and each pair of neighbours; in a whole one also that
// none is missing. An error means that r could not be read or is no export.
func VerifyExport(r io.Reader, anchors ...Anchor) (Report, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	c := newChain("", anchors)
	var end *trailer
	for n := 1; lines.Scan(); n++ {
		record, last, err := parseLine(lines.Bytes())
		switch {
		case err != nil:
			return Report{}, fault.New(fault.Invalid, "line %d is not as an audit export writes it: %v", n, err)
		case end != nil:
			return Report{}, fault.New(fault.Invalid, "line %d stands after the end of the export", n)
		case last != nil:
			end = last
		default:
			if c.Count == 0 {
				c.Org = record.Org
			}
			c.add(record)
		}
	}
	if err := lines.Err(); err != nil {
		return Report{}, fmt.Errorf("audit: read export: %w", err)
	}
	return c.endExport(end)
}

func (c *chain) endExport(end *trailer) (Report, error) {
	switch {
	case end == nil && c.Count == 0:
		return Report{}, fault.New(fault.Invalid, "this is not an audit export: it is empty")
	case end == nil:
		c.broken(c.Last+1, "the export is cut off after record %d", c.Last)
		return c.Report, nil
	case end.Format != version:
		return Report{}, fault.New(fault.Invalid, "the export has the format %q, this program reads %q", end.Format, version)
	case c.Count == 0:
		c.Org = end.Org
	case c.Org != end.Org:
		c.broken(c.First, "record %d is of another organisation than the end of the export says", c.First)
	}
	c.Filtered = end.Filtered
	report := c.end(end.Last, end.Head)
	if report.OK && c.Count != end.Count {
		c.broken(c.Last, "the export has %d records and should have %d", c.Count, end.Count)
		report = c.Report
	}
	return report, nil
}

// parseLine reads one line, which must be byte for byte what Export writes: so
// nothing can be hidden in unknown or repeated fields, which no hash covers.
func parseLine(line []byte) (*Record, *trailer, error) {
	var last lastLine
	if bytes.HasPrefix(line, []byte(`{"end":`)) {
		err := exact(line, &last)
		return nil, last.End, err
	}
	var r Record
	return &r, nil, exact(line, &r)
}

func exact(line []byte, into any) error {
	if err := json.Unmarshal(line, into); err != nil {
		return err
	}
	again, err := encode(into)
	if err == nil && !bytes.Equal(again, line) {
		err = errors.New("it was written by something else")
	}
	return err
}

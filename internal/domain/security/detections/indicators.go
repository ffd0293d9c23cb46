package detections

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/detect/live"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/observe"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// indicatorTable holds what is known to be bad.
var indicatorTable = &observe.Table{
	Name: "indicators", Room: auth.Security, Key: []string{"source", "type", "value"}, Label: "value",
	Title: lang.T("Indicators", "Indicadores"),
	Doc:   lang.T("Addresses, domains, hashes and other values that are known to be bad. Events are looked through for them as they come in.", "Direcciones, dominios, hashes y otros valores que se sabe que son malos. Se buscan en los eventos según llegan."),
	Columns: []observe.Column{
		{Name: "source", Type: observe.Text, Doc: lang.T("Who says so.", "Quién lo dice.")},
		{Name: "type", Type: observe.Text, Doc: lang.T("ip, domain, url, hash, email, file or user-agent.", "ip, domain, url, hash, email, file o user-agent.")},
		{Name: "value", Type: observe.Text, Doc: lang.T("The value, in the form in which it is compared.", "El valor, en la forma en que se compara.")},
		{Name: "title", Type: observe.Text, Doc: lang.T("What it is a sign of.", "De qué es señal.")},
		{Name: "ends", Type: observe.Moment, Doc: lang.T("Until when it counts; none: for good.", "Hasta cuándo cuenta; ninguna: sin fin.")},
		{Name: "confidence", Type: observe.Int, Doc: lang.T("How sure the source is, from 0 to 100; 0: it does not say.", "Cuánta seguridad tiene el origen, de 0 a 100; 0: no lo dice.")},
		{Name: "labels", Type: observe.List, Doc: lang.T("What the source calls it.", "Cómo lo llama el origen.")},
	},
}

// Indicators reads the indicators of organisations that count now or later.
func Indicators(db *sqldb.DB, now func() time.Time) func(context.Context, string, func(live.Indicator) error) error {
	return func(ctx context.Context, org string, yield func(live.Indicator) error) error {
		at := now()
		return indicatorTable.Scan(ctx, db, org, at, func(_, _ string, r observe.Row) error {
			i := live.Indicator{Source: r.Text("source"), Type: r.Text("type"), Value: r.Text("value"), Title: r.Text("title"), Until: r.Time("ends"), Confidence: r.Int("confidence"), Labels: r.List("labels")}
			return yield(i)
		})
	}
}

const indicatorHand = "import/indicators"

func indicatorImporter() catalog.Importer {
	return catalog.Importer{
		Name: "indicators", Room: auth.Security, Accept: []string{".json", ".csv"},
		Title: lang.T("Indicators", "Indicadores"),
		Doc: lang.T("Addresses, networks, domains, URLs, hashes, e-mail addresses, file names and user agents that are known to be bad: STIX 2.1 bundles, and CSV with a column value and, as far as they are known, type, source, title, until, confidence and labels. Arguments: source names where they come from; whole=true says that what is not in the files is gone from it.",
			"Direcciones, redes, dominios, URL, hashes, direcciones de correo, nombres de fichero y agentes de usuario que se sabe que son malos: paquetes STIX 2.1, y CSV con una columna value y, si se conocen, type, source, title, until, confidence y labels. Argumentos: source nombra de dónde vienen; whole=true dice que lo que no está en los ficheros ha desaparecido de ahí."),
		Args: []catalog.Arg{
			{Name: "source", Doc: lang.T("where they come from", "de dónde vienen")},
			{Name: "whole", Doc: lang.T("true: what the files do not hold is gone from the source", "true: lo que los ficheros no contienen ha desaparecido del origen")},
		},
		Read: importIndicators,
	}
}

func importIndicators(ctx context.Context, c *catalog.Catalog, caller catalog.Caller, files []catalog.File, opts catalog.ImportOptions) (*catalog.ImportReport, error) {
	in := reading{source: opts.Args["source"], rows: map[string]observe.Row{}}
	for _, f := range files {
		in.file(f)
	}
	report := &catalog.ImportReport{Problems: in.problems}
	report.DryRun, report.Changes = opts.DryRun, []catalog.Change{}
	if len(in.rows) == 0 {
		return nil, fault.Bad("no indicator was found in the files given", in.problems...).Coded("indicators.none").WithHint("give a STIX 2.1 bundle, or a CSV file with a column value")
	}
	whole := opts.Args["whole"] == "true"
	if whole && (len(in.problems) > 0 || in.source == "") {
		return nil, fault.Bad("nothing was imported: the whole of a source is read whole, and the source is named", in.problems...).Coded("indicators.whole").WithHint("correct the rows and give source=NAME")
	}
	o := catalog.Observation{Table: indicatorTable}
	for _, key := range in.order {
		o.Rows = append(o.Rows, in.rows[key])
	}
	if whole {
		o.Whole = in.source
	}
	caller.Manager = indicatorHand
	counts, err := c.Observe(ctx, caller, o, opts.DryRun)
	report.Rows = []observe.Counts{counts}
	report.Tell(lang.T(fmt.Sprintf("%d indicators", len(o.Rows)), fmt.Sprintf("%d indicadores", len(o.Rows))))
	return report, err
}

// reading reads indicators from files.
type reading struct {
	source   string
	rows     map[string]observe.Row
	order    []string
	problems []fault.Problem
}

func (r *reading) bad(file string, line int, code, format string, args ...any) {
	r.problems = append(r.problems, fault.Problem{File: file, Line: line, Code: code, Msg: fmt.Sprintf(format, args...)})
}

// mostRows is how many indicators an import may bring.
const mostRows = 1_000_000

func (r *reading) add(file string, line int, i live.Indicator) {
	value, ok := live.Normal(i.Type, i.Value)
	if !ok {
		r.bad(file, line, "indicator-value", "%q is no value of the type %s", i.Value, i.Type)
		return
	}
	if len(r.rows) >= mostRows {
		if len(r.rows) == mostRows {
			r.bad(file, line, "indicator-many", "there are more than %d indicators", mostRows)
		}
		return
	}
	row := observe.Row{"source": cmp.Or(r.source, i.Source, "import"), "type": i.Type, "value": value, "title": i.Title, "ends": i.Until, "confidence": min(max(i.Confidence, 0), 100), "labels": i.Labels}
	key := indicatorTable.KeyOf(row)
	if _, twice := r.rows[key]; !twice {
		r.order = append(r.order, key)
	}
	r.rows[key] = row
}

func (r *reading) file(f catalog.File) {
	switch strings.ToLower(path.Ext(f.Name)) {
	case ".csv":
		r.csv(f)
	default:
		r.stix(f)
	}
}

// columnNames are what CSV files call the columns.
var columnNames = map[string][]string{
	"value": {"value", "indicator", "ioc", "ioc_value", "observable"}, "type": {"type", "ioc_type", "indicator_type", "kind"}, "source": {"source", "provider", "reporter", "feed"},
	"title": {"title", "description", "comment", "name", "threat_type", "malware_printable"}, "until": {"until", "valid_until", "expires", "expiration"},
	"confidence": {"confidence", "confidence_level"}, "labels": {"labels", "tags"},
}

func (r *reading) csv(f catalog.File) {
	in := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(f.Data, []byte("\uFEFF"))))
	in.FieldsPerRecord, in.LazyQuotes, in.TrimLeadingSpace, in.Comment = -1, true, true, '#'
	var at map[string]int
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		line, _ := in.FieldPos(0)
		if err != nil {
			r.bad(f.Name, line, "indicator-csv", "the row cannot be read: %v", err)
			return
		}
		if at == nil {
			if at = columnsOf(record); at["value"] >= 0 {
				continue
			}
			// A list of values without a head.
			at = map[string]int{"value": 0, "type": -1, "source": -1, "title": -1, "until": -1, "confidence": -1, "labels": -1}
		}
		r.record(f.Name, line, at, record)
	}
}

func columnsOf(head []string) map[string]int {
	at := map[string]int{}
	for field, names := range columnNames {
		at[field] = slices.IndexFunc(head, func(h string) bool { return slices.Contains(names, strings.ToLower(strings.TrimSpace(h))) })
	}
	return at
}

func (r *reading) record(file string, line int, at map[string]int, record []string) {
	cell := func(name string) string {
		if i := at[name]; i >= 0 && i < len(record) {
			return strings.TrimSpace(record[i])
		}
		return ""
	}
	i := live.Indicator{Value: cell("value"), Title: cell("title"), Source: cell("source"), Type: typeOf(cell("type"), cell("value"))}
	if i.Value == "" {
		return
	}
	if i.Type == "" {
		r.bad(file, line, "indicator-type", "it is not known of which type %q is", i.Value)
		return
	}
	var err error
	if text := cell("until"); text != "" {
		if i.Until, err = moment(text); err != nil {
			r.bad(file, line, "indicator-until", "%q is no time", text)
			return
		}
	}
	if text := cell("confidence"); text != "" {
		if i.Confidence, err = strconv.ParseInt(strings.TrimSuffix(text, "%"), 10, 64); err != nil {
			r.bad(file, line, "indicator-confidence", "%q is no number from 0 to 100", text)
			return
		}
	}
	i.Labels = strings.FieldsFunc(cell("labels"), func(c rune) bool { return c == ',' || c == ';' || c == '|' })
	r.add(file, line, i)
}

func moment(text string) (time.Time, error) {
	for _, form := range []string{time.RFC3339Nano, "2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.Parse(form, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New("no time")
}

// otherTypes are what sources call the types.
var otherTypes = map[string]string{
	"ip": live.IP, "ipv4": live.IP, "ipv6": live.IP, "ipv4-addr": live.IP, "ipv6-addr": live.IP, "cidr": live.IP, "ip-src": live.IP, "ip-dst": live.IP, "address": live.IP,
	"domain": live.Domain, "domain-name": live.Domain, "hostname": live.Domain, "fqdn": live.Domain,
	"url": live.URL, "uri": live.URL, "link": live.URL,
	"hash": live.Hash, "md5": live.Hash, "sha1": live.Hash, "sha256": live.Hash, "sha-1": live.Hash, "sha-256": live.Hash, "md5_hash": live.Hash, "sha1_hash": live.Hash, "sha256_hash": live.Hash, "filehash": live.Hash,
	"email": live.Email, "e-mail": live.Email, "email-addr": live.Email, "email-src": live.Email, "mail": live.Email,
	"file": live.FileName, "filename": live.FileName, "file-name": live.FileName,
	"user-agent": live.UserAgent, "useragent": live.UserAgent, "user_agent": live.UserAgent,
}

// typeOf is the type that a source names, or the one that a value looks like; ""
// when neither tells.
func typeOf(name, value string) string {
	if t, ok := otherTypes[strings.ToLower(strings.TrimSpace(name))]; ok {
		return t
	}
	if name != "" && name != "ip:port" {
		return ""
	}
	for _, t := range []string{live.Hash, live.IP, live.URL, live.Email, live.Domain} {
		if _, ok := live.Normal(t, value); ok {
			return t
		}
	}
	return ""
}

// bundle is what is read of STIX 2.1.
type bundle struct {
	Type    string `json:"type"`
	Objects []struct {
		Type        string   `json:"type"`
		ID          string   `json:"id"`
		Name        string   `json:"name"`
		Description string   `json:"description"`
		Pattern     string   `json:"pattern"`
		PatternType string   `json:"pattern_type"`
		ValidUntil  string   `json:"valid_until"`
		Confidence  int64    `json:"confidence"`
		Labels      []string `json:"labels"`
		Kinds       []string `json:"indicator_types"`
		Revoked     bool     `json:"revoked"`
		CreatedBy   string   `json:"created_by_ref"`
	} `json:"objects"`
}

func (r *reading) stix(f catalog.File) {
	var b bundle
	if err := json.Unmarshal(f.Data, &b); err != nil || b.Type != "bundle" {
		r.bad(f.Name, 0, "indicator-stix", "the file is no STIX 2.1 bundle")
		return
	}
	names := map[string]string{}
	for _, o := range b.Objects {
		if o.Type == "identity" {
			names[o.ID] = o.Name
		}
	}
	for _, o := range b.Objects {
		if o.Type != "indicator" || o.Revoked {
			continue
		}
		if o.PatternType != "" && o.PatternType != "stix" {
			r.bad(f.Name, 0, "indicator-pattern", "%s has a pattern of the type %s, which is not read here", o.ID, o.PatternType)
			continue
		}
		i := live.Indicator{Source: names[o.CreatedBy], Title: cmp.Or(o.Name, o.Description), Confidence: o.Confidence, Labels: slices.Concat(o.Labels, o.Kinds)}
		if o.ValidUntil != "" {
			var err error
			if i.Until, err = moment(o.ValidUntil); err != nil {
				r.bad(f.Name, 0, "indicator-until", "%q is no time", o.ValidUntil)
				continue
			}
		}
		values, ok := pattern(o.Pattern)
		if !ok {
			r.bad(f.Name, 0, "indicator-pattern", "the pattern of %s is more than values, one of which is enough: write it as a rule", o.ID)
			continue
		}
		for _, v := range values {
			i.Type, i.Value = v.typ, v.value
			r.add(f.Name, 0, i)
		}
	}
}

type patternValue struct{ typ, value string }

var comparison = regexp.MustCompile(`^\s*([a-z0-9-]+):((?:[\w.-]|'[^']*'|\[\d+\])+)\s*(?:=|ISSUBSET)\s*'((?:[^'\\]|\\.)*)'\s*`)

// objectTypes are the types of the objects of STIX.
var objectTypes = map[string]string{
	"ipv4-addr:value": live.IP, "ipv6-addr:value": live.IP, "domain-name:value": live.Domain, "url:value": live.URL, "email-addr:value": live.Email, "email-message:from_ref.value": live.Email, "file:name": live.FileName,
	"network-traffic:dst_ref.value": live.IP, "network-traffic:src_ref.value": live.IP, "process:name": live.FileName,
	"http-request-ext:request_header.'User-Agent'": live.UserAgent, "network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'": live.UserAgent,
}

// pattern reads a pattern of STIX that is one value, or several of which one is
// enough; false when it asks for more.
func pattern(text string) (out []patternValue, ok bool) {
	rest := strings.TrimSpace(text)
	for rest != "" {
		if !strings.HasPrefix(rest, "[") {
			return nil, false
		}
		rest = rest[1:]
		for {
			m := comparison.FindStringSubmatch(rest)
			if m == nil {
				return nil, false
			}
			typ := objectTypes[m[1]+":"+m[2]]
			if strings.HasPrefix(m[1]+":"+m[2], "file:hashes.") {
				typ = live.Hash
			}
			if typ == "" {
				return nil, false
			}
			out = append(out, patternValue{typ, strings.NewReplacer(`\\`, `\`, `\'`, `'`).Replace(m[3])})
			rest = rest[len(m[0]):]
			if after, more := strings.CutPrefix(rest, "OR "); more {
				rest = after
				continue
			}
			break
		}
		after, closed := strings.CutPrefix(rest, "]")
		if !closed {
			return nil, false
		}
		rest = strings.TrimSpace(after)
		if after, more := strings.CutPrefix(rest, "OR"); more {
			rest = strings.TrimSpace(after)
		} else if rest != "" {
			return nil, false
		}
	}
	return out, len(out) > 0
}

package eventfile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/Velocidex/ordereddict"
	"www.velocidex.com/golang/evtx"
)

// Windows writes an event as a head (System) and a body (EventData or UserData).
// Rules name their fields flat: those of the head by element and attribute,
// joined by a line (Provider_Name), those of the body by their names without
// spaces.

// flattened returns a Windows event, as programs write them that turn EVTX into
// JSON, with its fields flat; nil for any other event.
func flattened(data []byte) []byte {
	if !ofWindows(data) {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var root map[string]any
	if d.Decode(&root) != nil {
		return nil
	}
	if inner, ok := root["Event"].(map[string]any); ok {
		root = inner
	}
	if _, ok := root["System"].(map[string]any); !ok {
		return nil
	}
	out, err := json.Marshal(flat(root))
	if err != nil {
		return nil
	}
	return out
}

// ofWindows reports whether an object begins as one of a Windows event does,
// however it is printed.
func ofWindows(data []byte) bool {
	const space = " \t\r\n"
	rest := bytes.TrimLeft(bytes.TrimPrefix(data, []byte("{")), space)
	for _, name := range []string{`"Event"`, `"System"`} {
		if after, ok := bytes.CutPrefix(rest, []byte(name)); ok {
			return bytes.HasPrefix(bytes.TrimLeft(after, space), []byte(":"))
		}
	}
	return false
}

// flat returns the fields of an event.
func flat(event map[string]any) map[string]any {
	out := map[string]any{}
	system, _ := event["System"].(map[string]any)
	for name, v := range system {
		element(out, name, v)
	}
	for _, body := range []string{"EventData", "UserData", "ProcessingErrorData"} {
		if m, ok := event[body].(map[string]any); ok {
			fields(out, m, body == "UserData")
		}
	}
	return out
}

// element writes an element of the head: its text under its name, its attributes
// under both names.
func element(out map[string]any, name string, v any) {
	m, ok := v.(map[string]any)
	if !ok {
		out[name] = v
		return
	}
	for attribute, x := range m {
		switch attribute {
		case "Value", "#text", "":
			out[name] = x
		case "#attributes":
			element(out, name, x)
		default:
			out[name+"_"+attribute] = x
		}
	}
}

// fields writes what a body says, without the element that wraps it.
func fields(out map[string]any, m map[string]any, wrapped bool) {
	for name, v := range m {
		inner, deep := v.(map[string]any)
		switch {
		case name == "#attributes", strings.HasPrefix(name, "xmlns"):
		case deep && wrapped:
			fields(out, inner, false)
		case deep && inner["#text"] != nil:
			out[strings.ReplaceAll(name, " ", "")] = inner["#text"]
		default:
			out[strings.ReplaceAll(name, " ", "")] = v
		}
	}
}

// Windows writes some fields in hexadecimal; the reader of EVTX gives them as
// numbers. hexFields are those of every provider, hexOfAudit those that the audit
// of Windows adds: elsewhere, as in Sysmon, they are decimal.
var (
	hexFields  = []string{"Keywords", "LogonId", "SubjectLogonId", "TargetLogonId"}
	hexOfAudit = []string{"NewProcessId", "ProcessId", "CallerProcessId", "AccessMask", "Status", "SubStatus", "TicketOptions", "TicketEncryptionType", "HandleId", "OldUacValue", "NewUacValue"}
)

// written turns the values of the EVTX reader into those that Windows shows.
func written(m map[string]any) {
	audit := m["Provider_Name"] == "Microsoft-Windows-Security-Auditing"
	for name, v := range m {
		if t, ok := v.(float64); ok && name == "TimeCreated_SystemTime" {
			whole, part := math.Modf(t)
			m[name] = time.Unix(int64(whole), int64(part*1e6)*1000).UTC().Format("2006-01-02T15:04:05.000000Z")
			continue
		}
		if !slices.Contains(hexFields, name) && !(audit && slices.Contains(hexOfAudit, name)) {
			continue
		}
		switch n := v.(type) {
		case uint64, uint32:
			m[name] = fmt.Sprintf("0x%x", n)
		}
	}
}

// readEVTX reads a Windows event log, chunk by chunk.
func readEVTX(in *bufio.Reader, event func(Event) error, bad func(Problem)) error {
	f, err := os.CreateTemp("", "binnacle-evtx-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := io.Copy(f, in); err != nil {
		return err
	}
	chunks, err := chunksOf(f)
	if err != nil {
		return err
	}
	n := 0
	for i, c := range chunks {
		records, err := recordsOf(c)
		if err != nil {
			bad(Problem{n + 1, fmt.Sprintf("part %d of the event log cannot be read: %v", i+1, err)})
		}
		for _, r := range records {
			n++
			data, err := recordJSON(r)
			if err != nil {
				bad(Problem{n, err.Error()})
				continue
			}
			if err := event(Event{n, data}); err != nil {
				return err
			}
		}
	}
	return nil
}

// rescue makes an error of a panic of the EVTX reader, which trusts its file.
func rescue(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("the event log is broken: %v", r)
	}
}

func chunksOf(f *os.File) (chunks []*evtx.Chunk, err error) {
	defer rescue(&err)
	return evtx.GetChunks(f)
}

func recordsOf(c *evtx.Chunk) (records []*evtx.EventRecord, err error) {
	defer rescue(&err)
	return c.Parse(0)
}

func recordJSON(r *evtx.EventRecord) (data []byte, err error) {
	defer rescue(&err)
	root, _ := plain(r.Event).(map[string]any)
	if inner, ok := root["Event"].(map[string]any); ok {
		root = inner
	}
	m := flat(root)
	written(m)
	if len(m) == 0 {
		return nil, fmt.Errorf("record %d has no fields", r.Header.RecordID)
	}
	return json.Marshal(m)
}

// plain turns the reader's ordered maps into Go's.
func plain(v any) any {
	switch x := v.(type) {
	case *ordereddict.Dict:
		out := map[string]any{}
		for _, k := range x.Keys() {
			v, _ := x.Get(k)
			out[k] = plain(v)
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i := range x {
			out[i] = plain(x[i])
		}
		return out
	case []byte:
		return fmt.Sprintf("%X", x)
	}
	return v
}

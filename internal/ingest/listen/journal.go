package listen

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/ingest/listen/syslog"
)

// journal reads the journal of systemd by way of its own reader, journalctl, which
// goes on when there is more. The cursor of an entry is its id.
type journal struct {
	*collector
	program string
	memory  journalMemory
	saved   time.Time
}

// journalMemory is what is remembered of a journal.
type journalMemory struct {
	Cursor string `json:"cursor"`
}

func journalPlace(s *Spec) error {
	if s.Place != "" {
		return s.wrong("it has no path").WithHint("write it as %s, or journald:?directory=/path for the journal of another machine", s.kind.example)
	}
	if from := s.Params.Get("from"); from != "" && from != "start" && from != "end" {
		return s.wrong("from=%s is not known", from).WithHint("from=start reads what is there already, from=end what is written from now on")
	}
	return nil
}

func openJournal(c *collector) (worker, error) {
	w := &journal{collector: c}
	var err error
	if w.program, err = exec.LookPath("journalctl"); err != nil {
		return nil, c.wrong("there is no journalctl on this machine").WithHint("the journal is read by journalctl of systemd; where there is none, follow files as --collect file:/var/log/syslog")
	}
	return w, c.recall(&w.memory)
}

func (w *journal) close() {}

// args are those of journalctl. Without a cursor it begins at the first entry, or
// after the last one.
func (w *journal) args() []string {
	args := []string{"--output=json", "--all", "--follow", "--no-pager", "--quiet"}
	for _, unit := range w.Params["unit"] {
		args = append(args, "--unit="+unit)
	}
	if dir := w.Params.Get("directory"); dir != "" {
		args = append(args, "--directory="+dir)
	}
	switch {
	case w.memory.Cursor != "":
		args = append(args, "--no-tail", "--after-cursor="+w.memory.Cursor)
	case w.Params.Get("from") == "end":
		args = append(args, "--lines=0")
	default:
		args = append(args, "--no-tail")
	}
	return args
}

func (w *journal) run(ctx context.Context) error {
	ended, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ended, w.program, w.args()...)
	cmd.WaitDelay = time.Second
	complaints := &lastLine{}
	cmd.Stderr = complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fault.New(fault.Unavailable, "journalctl cannot be started: %v", err)
	}
	w.runs("journal")
	err = w.read(ctx, out)
	cancel()
	if wait := cmd.Wait(); err == nil && ctx.Err() == nil {
		err = fault.New(fault.Unavailable, "journalctl ended (%v): %s", wait, complaints).WithHint("run it by hand, as the user binnacle runs as: journalctl %s", strings.Join(w.args(), " "))
	}
	return errors.Join(err, w.save())
}

// save remembers the cursor.
func (w *journal) save() error {
	if w.memory.Cursor == "" {
		return nil
	}
	w.saved = time.Now()
	return w.remember(&w.memory)
}

// read hands entries over as they come, those that came together together.
func (w *journal) read(ctx context.Context, out io.Reader) error {
	r := bufio.NewReaderSize(out, 256<<10)
	var records []ingest.Record
	size := 0
	cursor := ""
	flush := func() error {
		if err := w.take(ctx, records); err != nil {
			return err
		}
		if cursor != "" {
			w.memory.Cursor = cursor
		}
		records, size = nil, 0
		if time.Since(w.saved) < saveAgain {
			return nil
		}
		return w.save()
	}
	for {
		buffered, _ := r.Peek(r.Buffered())
		if len(records) >= batchRecords || size >= batchBytes || len(records) > 0 && bytes.IndexByte(buffered, '\n') < 0 {
			if err := flush(); err != nil {
				return err
			}
		}
		line, short, err := until(r, '\n')
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, io.EOF) {
				return flush()
			}
			return errors.Join(err, flush())
		}
		if short {
			w.broke(fmt.Errorf("an entry of the journal is larger than %d bytes", maxMessage))
			continue
		}
		rec, err := entry(line)
		if err != nil {
			w.broke(err)
			continue
		}
		cursor = rec.ID
		records, size = append(records, rec), size+len(line)
	}
}

// ecs are the names of ECS for fields of the journal, in the order of precedence.
var ecs = []struct{ name, from string }{
	{syslog.FieldHost, "_HOSTNAME"},
	{syslog.FieldProcess, "SYSLOG_IDENTIFIER"}, {syslog.FieldProcess, "_COMM"},
	{syslog.FieldPID, "_PID"}, {syslog.FieldPID, "SYSLOG_PID"},
	{"process.executable", "_EXE"}, {"process.command_line", "_CMDLINE"},
	{"user.id", "_UID"}, {"container.id", "CONTAINER_ID_FULL"}, {"container.name", "CONTAINER_NAME"}, {"container.image.name", "IMAGE_NAME"},
	{syslog.FieldMsgID, "MESSAGE_ID"},
}

// entry makes a record of a line of journalctl -o json: the message is the data, all
// other fields stay under their names, with those of ECS before them.
func entry(line []byte) (ingest.Record, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(line, &members); err != nil {
		return ingest.Record{}, fmt.Errorf("an entry of the journal is no JSON: %v", err)
	}
	texts := make(map[string]string, len(members))
	for name, raw := range members {
		texts[name] = journalText(raw)
	}
	r := ingest.Record{Data: []byte(texts["MESSAGE"]), ID: texts["__CURSOR"]}
	if r.ID == "" {
		return r, errors.New("an entry of the journal has no cursor")
	}
	if len(bytes.TrimSpace(r.Data)) == 0 {
		r.Data = []byte("{}")
	}
	for _, name := range []string{"_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP"} {
		if micros, err := strconv.ParseInt(texts[name], 10, 64); err == nil {
			r.Time = time.UnixMicro(micros).UTC()
			break
		}
	}
	add := func(name, value string) {
		if value != "" && !slices.ContainsFunc(r.Fields, func(f ingest.Field) bool { return f.Name == name }) {
			r.Fields = append(r.Fields, ingest.Field{Name: name, Value: value})
		}
	}
	for _, e := range ecs {
		add(e.name, texts[e.from])
	}
	if name := syslog.Severity(texts["PRIORITY"]); name != "" {
		add(syslog.FieldSeverityCode, texts["PRIORITY"])
		add(syslog.FieldSeverity, name)
		add(syslog.FieldLevel, name)
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if name != "MESSAGE" && !strings.HasPrefix(name, "__") {
			add(name, texts[name])
		}
	}
	return r, nil
}

// journalText is a field as a text: a list of numbers are bytes that are no text, a
// list of others are values of a field that is there several times.
func journalText(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var numbers []byte
	var list []int
	if json.Unmarshal(raw, &list) == nil {
		for _, n := range list {
			numbers = append(numbers, byte(n))
		}
		return strings.ToValidUTF8(string(numbers), "\uFFFD")
	}
	var several []json.RawMessage
	if json.Unmarshal(raw, &several) == nil {
		var out []string
		for _, one := range several {
			out = append(out, journalText(one))
		}
		return strings.Join(out, "\n")
	}
	return ""
}

// lastLine keeps the end of what a program complained of.
type lastLine struct {
	mu   sync.Mutex
	text string
}

func (l *lastLine) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = (l.text + string(p))
	l.text = l.text[max(0, len(l.text)-500):]
	return len(p), nil
}

func (l *lastLine) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := strings.TrimSpace(l.text)
	if text == "" {
		return "it said nothing"
	}
	return text
}

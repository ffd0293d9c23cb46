package filebeat

import (
	"testing"

	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/auditd"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/linux"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/parsertest"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/weblog"
)

var format = Format(append([]parser.Format{auditd.Format(), linux.Format()}, weblog.Formats()...))

func TestGolden(t *testing.T) { parsertest.Golden(t, format, parsertest.Env()) }

func FuzzParse(f *testing.F) { parsertest.Fuzz(f, format, parsertest.Env()) }

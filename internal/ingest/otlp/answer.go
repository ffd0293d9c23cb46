package otlp

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/ingest/parser"
)

// Answer writes the ExportLogsServiceResponse for what became of a request. It
// is a partial success when records were rejected; the sender then does not send
// them again.
func Answer(r ingest.Receipt, form Form) []byte {
	rejected, message := len(r.Rejected), reasons(r.Rejected)
	if form == JSON {
		if rejected == 0 {
			return []byte("{}")
		}
		text := string(parser.AppendString(nil, message))
		return []byte(`{"partialSuccess":{"rejectedLogRecords":"` + strconv.Itoa(rejected) + `","errorMessage":` + text + `}}`)
	}
	if rejected == 0 {
		return nil
	}
	inner := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(rejected))
	inner = protowire.AppendString(protowire.AppendTag(inner, 2, protowire.BytesType), message)
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), inner)
}

// reasons says why records were rejected: how many for what, and of the first
// the detail.
func reasons(list []ingest.Rejection) string {
	counts := map[string]int{}
	var names []string
	for _, r := range list {
		if counts[r.Reason]++; counts[r.Reason] == 1 {
			names = append(names, r.Reason)
		}
	}
	slices.Sort(names)
	text := ""
	for _, n := range names {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%d %s", counts[n], n)
	}
	if len(list) > 0 && list[0].Detail != "" {
		text += fmt.Sprintf("; record %d: %s", list[0].Record, list[0].Detail)
	}
	return text
}

// Failure writes a google.rpc.Status for a request that failed: the body of an
// answer over HTTP of status 400 and more.
func Failure(code int, message string, form Form) []byte {
	if form == JSON {
		data, err := json.Marshal(struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		}{code, message})
		if err != nil { // of these there is none
			return []byte("{}")
		}
		return data
	}
	b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(code))
	return protowire.AppendString(protowire.AppendTag(b, 2, protowire.BytesType), message)
}

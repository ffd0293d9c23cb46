package web

import (
	"archive/zip"
	"bytes"

	"github.com/binnaclehq/binnacle/internal/catalog"
)

// zipped packs files into one.
func zipped(files []catalog.File) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, err := z.Create(f.Name)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(f.Data); err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return b.Bytes(), err
}

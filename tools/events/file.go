package events

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver"
)

// exportFile is a file in the output directory. Until keep it has another name,
// so that nobody takes half an export for a whole one.
type exportFile struct {
	root    *os.Root
	f       *os.File
	buf     *bufio.Writer
	csv     *csv.Writer // nil for NDJSON
	columns []string
	temp    string
	name    string
	dir     string
	kept    bool
}

// createFile opens a new file that only this user can read. The directory is
// opened as a root: no name and no symbolic link leads out of it.
func createFile(dir, format string, columns []string, now time.Time) (*exportFile, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fileError("open the output directory", err)
	}
	// Made when the first export needs it, for this user alone.
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fileError("make the output directory", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fileError("open the output directory", err)
	}
	var salt [4]byte
	_, _ = rand.Read(salt[:]) // never fails, says crypto/rand
	name := fmt.Sprintf("events-%s-%s.%s", now.UTC().Format("20060102-150405"), hex.EncodeToString(salt[:]), format)
	e := &exportFile{root: root, columns: columns, name: name, temp: "." + name + ".part", dir: dir}
	if e.f, err = root.OpenFile(e.temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		_ = root.Close()
		return nil, fileError("create a file", err)
	}
	e.buf = bufio.NewWriterSize(e.f, 64<<10)
	if format == "csv" {
		e.csv = csv.NewWriter(e.buf)
		if err := e.csv.Write(columns); err != nil {
			e.discard()
			return nil, fileError("write", err)
		}
	}
	return e, nil
}

// write appends rows.
func (e *exportFile) write(rows [][]any) error {
	for _, row := range rows {
		var err error
		if e.csv != nil {
			err = e.writeCSV(row)
		} else {
			err = e.writeJSON(row)
		}
		if err != nil {
			return fileError("write", err)
		}
	}
	return nil
}

func (e *exportFile) writeCSV(row []any) error {
	cells := make([]string, len(row))
	for i, v := range row {
		cells[i] = csvCell(v)
	}
	return e.csv.Write(cells)
}

// csvCell writes a value for spreadsheets: text that one of them would run as a
// formula gets an apostrophe in front, since anyone can send events.
func csvCell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		if v != "" && strings.ContainsRune("=+-@\t\r", rune(v[0])) {
			return "'" + v
		}
		return v
	case json.Number:
		return v.String()
	case bool:
		return fmt.Sprint(v)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}

// writeJSON writes one object on one line, with its keys in column order.
func (e *exportFile) writeJSON(row []any) error {
	var line bytes.Buffer
	for i, v := range row {
		if i == 0 {
			line.WriteByte('{')
		} else {
			line.WriteByte(',')
		}
		key, err := json.Marshal(e.columns[i])
		if err != nil {
			return err
		}
		line.Write(key)
		line.WriteByte(':')
		value, err := jsonCell(e.columns[i], v)
		if err != nil {
			return err
		}
		line.Write(value)
	}
	line.WriteString("}\n")
	_, err := e.buf.Write(line.Bytes())
	return err
}

// jsonCell writes a value; the properties column, which HogQL gives as text,
// becomes the object that it is.
func jsonCell(column string, v any) ([]byte, error) {
	if text, ok := v.(string); ok && column == "properties" && json.Valid([]byte(text)) {
		var compact bytes.Buffer
		err := json.Compact(&compact, []byte(text))
		return compact.Bytes(), err
	}
	return json.Marshal(v)
}

// keep ends the file, makes sure that it is on the disk, and gives it its name.
func (e *exportFile) keep() (path string, size int64, err error) {
	if e.csv != nil {
		e.csv.Flush()
		if err := e.csv.Error(); err != nil {
			return "", 0, fileError("write", err)
		}
	}
	if err := e.buf.Flush(); err != nil {
		return "", 0, fileError("write", err)
	}
	if err := e.f.Sync(); err != nil {
		return "", 0, fileError("write", err)
	}
	info, err := e.f.Stat()
	if err != nil {
		return "", 0, fileError("write", err)
	}
	if err := e.f.Close(); err != nil {
		return "", 0, fileError("close", err)
	}
	if err := e.root.Rename(e.temp, e.name); err != nil {
		return "", 0, fileError("name", err)
	}
	e.kept = true
	return filepath.Join(e.dir, e.name), info.Size(), e.root.Close()
}

// discard takes the unfinished file away; after keep it does nothing.
func (e *exportFile) discard() {
	if e.kept {
		return
	}
	_ = e.f.Close()
	_ = e.root.Remove(e.temp)
	_ = e.root.Close()
}

// fileError says what could not be done with the file.
func fileError(what string, err error) error {
	return &driver.Error{
		Op: "export_events", Kind: driver.KindUnavailable, Err: err,
		Detail: fmt.Sprintf("cannot %s for the export: %v", what, err),
		Hint:   "The operator must give this server an output directory that it can write to, with room left.",
	}
}

package templates

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/posthog-mcp/posthog-mcp/tools"
)

// Bounds of a directory of templates.
const (
	MaxFileBytes = 256 << 10 // of one file
	MaxFiles     = 200       // of one directory; those after them are not loaded
)

// FileError says what is wrong with a template file.
type FileError struct {
	File   string
	Line   int // from 1; 0 when the file as a whole is meant
	Column int // from 1, in characters; 0 when the line as a whole is meant
	Reason string
}

// Error gives file, place and reason in one line.
func (e *FileError) Error() string {
	switch {
	case e.Line == 0:
		return e.File + ": " + e.Reason
	case e.Column == 0:
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason)
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Reason)
}

// Load reads the *.hogql files at the root of a directory, in the order of
// their names. A file that is wrong is reported as a *FileError and the others
// still load.
func Load(dir fs.FS) ([]tools.Tool, []error) {
	list, errs := newLoader(nil).read(dir, "")
	out := make([]tools.Tool, len(list))
	for i, t := range list {
		out[i] = t.tool()
	}
	return out, errs
}

// loader holds the names that are taken over several directories.
type loader struct{ from map[string]string } // name → who has it

func newLoader(taken []string) *loader {
	l := &loader{from: map[string]string{}}
	for _, name := range taken {
		l.from[name] = "a built-in tool"
	}
	return l
}

// read loads one directory; prefix is put before its files' names in errors.
func (l *loader) read(dir fs.FS, prefix string) (list []*Template, errs []error) {
	names, err := files(dir, ".")
	if err != nil {
		errs = append(errs, err)
	}
	for _, name := range names {
		t, err := load(dir, name)
		if err == nil {
			err = l.claim(t, name, prefix)
		}
		if err != nil {
			if fault, ok := errors.AsType[*FileError](err); ok {
				fault.File = prefix + fault.File
			}
			errs = append(errs, err)
			continue
		}
		list = append(list, t)
	}
	return list, errs
}

// claim takes the template's name.
func (l *loader) claim(t *Template, name, prefix string) error {
	if first, twice := l.from[t.Name]; twice {
		return t.fault(t.headLine("name:"), "the name %s is taken by %s", t.Name, first)
	}
	l.from[t.Name] = prefix + name
	return nil
}

// load reads and checks one file.
func load(dir fs.FS, name string) (*Template, error) {
	raw, err := readFile(dir, name)
	if err != nil {
		return nil, err
	}
	t, err := parse(name, raw)
	if err != nil {
		return nil, err
	}
	return t, t.check()
}

// readFile reads a regular file within the bound. Opening anything else, such
// as a pipe, could wait for ever.
func readFile(dir fs.FS, name string) (text string, err error) {
	fail := func(format string, args ...any) (string, error) {
		return "", &FileError{File: name, Reason: fmt.Sprintf(format, args...)}
	}
	info, err := fs.Stat(dir, name)
	if err != nil {
		return fail("%s", cause(err))
	}
	if !info.Mode().IsRegular() {
		return fail("it is no regular file")
	}
	f, err := dir.Open(name)
	if err != nil {
		return fail("%s", cause(err))
	}
	defer func() { _ = f.Close() }() // it was only read
	raw, err := io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
	switch {
	case err != nil:
		return fail("%s", cause(err))
	case len(raw) > MaxFileBytes:
		return fail("it has more than the %d bytes of a template", MaxFileBytes)
	case !utf8.Valid(raw):
		return fail("it is not UTF-8 text")
	}
	return string(raw), nil
}

// cause leaves out the operation and path, which the reader knows.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// files lists the template files of a directory, sorted, and says when there
// are more than MaxFiles.
func files(dir fs.FS, root string) ([]string, error) {
	entries, err := fs.ReadDir(dir, root)
	if err != nil {
		return nil, fmt.Errorf("the directory cannot be read: %w", cause(err))
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && strings.HasSuffix(e.Name(), ".hogql") && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, path.Join(root, e.Name()))
		}
	}
	slices.Sort(names)
	if len(names) > MaxFiles {
		err = fmt.Errorf("there are %d templates; only the first %d by name are loaded", len(names), MaxFiles)
		names = names[:MaxFiles]
	}
	return names, err
}

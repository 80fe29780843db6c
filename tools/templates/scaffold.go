package templates

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed start.txt
var startText string

// Create writes a commented template to begin with, NAME.hogql, into a
// directory, and gives its path. It refuses a name that is no tool's or is
// taken, and never overwrites.
func Create(dir, name string, taken []string) (string, error) {
	if !toolName().MatchString(name) {
		return "", fmt.Errorf("templates: name %q: use 3 to 40 of a-z, 0-9 and _, the first a letter", name)
	}
	if slices.Contains(taken, name) {
		return "", fmt.Errorf("templates: the name %s is taken by a built-in tool; choose another", name)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", fmt.Errorf("templates: directory %q: %w", dir, cause(err))
	}
	file := name + ".hogql"
	err = writeNew(root, file, strings.ReplaceAll(startText, "NAME", name))
	err = errors.Join(err, root.Close())
	if errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("templates: %s exists and is not overwritten", filepath.Join(dir, file))
	}
	if err != nil {
		return "", fmt.Errorf("templates: writing %s: %w", filepath.Join(dir, file), err)
	}
	return filepath.Join(dir, file), nil
}

// writeNew writes a file that must not exist, and leaves none behind when it
// fails.
func writeNew(root *os.Root, name, text string) error {
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, root.Remove(name))
	}
	return nil
}

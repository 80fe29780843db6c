package credential

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	maxKeyFile = 4 << 10     // bytes; no key is nearly as long
	lookAgain  = time.Second // how often the file is looked at, at most
)

// file is a key kept in a file, as container secrets are. When the file
// changes, the next call uses the new key: rotation needs no restart.
type file struct {
	path string

	mu     sync.Mutex
	key    Secret
	mod    time.Time
	size   int64
	looked time.Time
}

// File gives a source that reads its key from a file and follows its changes.
// A file that cannot be read at first, or holds the wrong kind of key, is
// refused; later the last good key stays in use until a good one is there.
func File(path string) (Source, error) {
	f := &file{path: path}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	if err := f.read(info); err != nil {
		return nil, err
	}
	f.looked = time.Now()
	return f, nil
}

// Key gives the key. It looks at the file at most once a second and reads it
// only when it has changed.
func (f *file) Key(context.Context) (Secret, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if now.Sub(f.looked) < lookAgain {
		return f.key, nil
	}
	f.looked = now
	if info, err := os.Stat(f.path); err == nil && (info.ModTime() != f.mod || info.Size() != f.size) {
		_ = f.read(info) // the last good key is better than none
	}
	return f.key, nil
}

// Describe names the file.
func (f *file) Describe() string { return "file " + f.path }

func (f *file) read(info os.FileInfo) error {
	if info.IsDir() {
		return fmt.Errorf("key file %s is a directory", f.path)
	}
	in, err := os.Open(f.path) //nolint:gosec // the operator names the file
	if err != nil {
		return fmt.Errorf("key file: %w", err)
	}
	defer in.Close() //nolint:errcheck // read only
	data, err := io.ReadAll(io.LimitReader(in, maxKeyFile+1))
	if err != nil {
		return fmt.Errorf("key file: %w", err)
	}
	key := strings.TrimSpace(string(data))
	switch {
	case len(data) > maxKeyFile:
		err = errors.New("it is larger than any key")
	case key == "":
		err = errors.New("it is empty")
	default:
		err = CheckPersonal(key)
	}
	if err != nil {
		return fmt.Errorf("key file %s: %w", f.path, err)
	}
	f.key, f.mod, f.size = NewSecret(key), info.ModTime(), info.Size()
	return nil
}

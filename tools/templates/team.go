package templates

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/posthog-mcp/posthog-mcp/tools"
)

// Team is a team's own templates: the *.hogql files of some directories.
type Team struct {
	dirs  []string
	taken []string
	seed  maphash.Seed
}

// Open names the directories and the tools whose names are taken. It fails
// when a directory cannot be read: a misspelt one would be silence for ever.
func Open(dirs, taken []string) (*Team, error) {
	t := &Team{dirs: dirs, taken: taken, seed: maphash.MakeSeed()}
	for _, dir := range dirs {
		err := within(dir, func(root fs.FS) error {
			_, err := fs.ReadDir(root, ".")
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("templates: directory %q: %w", dir, cause(err))
		}
	}
	return t, nil
}

// within opens a directory for a while. Nothing outside of it can be reached
// through links, and one that was replaced in the meantime is seen anew.
func within(dir string, use func(fs.FS) error) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return cause(err)
	}
	return errors.Join(use(root.FS()), root.Close())
}

// Report is what there is to know of one template.
type Report struct {
	File   string
	Spec   tools.Spec
	Params int
	Chars  int // of name, description and input schema: what a model reads of it
	// Advice says what works but is seldom meant, such as reading the whole
	// history; each a [FileError].
	Advice []error
}

// Tokens estimates what the tool costs in every list of tools: about four
// characters are one token.
func (r Report) Tokens() int { return (r.Chars + 3) / 4 }

// Load reads all directories. What is wrong is reported, as a *FileError where
// a file is to blame, and everything else still loads.
func (t *Team) Load() ([]tools.Tool, []error) {
	list, _, errs := t.Check()
	return list, errs
}

// Check is Load with a report on each template that is right.
func (t *Team) Check() (list []tools.Tool, reports []Report, errs []error) {
	l := newLoader(t.taken)
	for _, dir := range t.dirs {
		err := within(dir, func(root fs.FS) error {
			found, faults := l.read(root, withSlash(dir))
			for _, err := range faults {
				if _, ok := errors.AsType[*FileError](err); !ok {
					err = fmt.Errorf("%s: %w", dir, err)
				}
				errs = append(errs, err)
			}
			for _, one := range found {
				tool := one.tool()
				list = append(list, tool)
				r := report(withSlash(dir)+one.file, tool)
				r.Advice = one.advice(r.File)
				reports = append(reports, r)
			}
			return nil
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: the directory cannot be read: %w", dir, err))
		}
	}
	return list, reports, errs
}

func withSlash(dir string) string { return strings.TrimSuffix(filepath.ToSlash(dir), "/") + "/" }

func report(file string, tool tools.Tool) Report {
	r := Report{File: file, Spec: tool.Spec(), Chars: len(tool.Spec().Name) + len(tool.Spec().Doc)}
	if params, err := tool.Params(); err == nil { // checked when it was loaded
		r.Params = len(params)
		if input, err := tools.InputSchema(params); err == nil {
			r.Chars += len(input)
		}
	}
	return r
}

// WatchEvery is how often Watch looks at the files.
const WatchEvery = 2 * time.Second

// Watch calls changed with everything that Load gives whenever a file has come,
// gone or been written, until ctx ends; without directories it returns at once.
// It does not call it for what is there when it begins: loaded is the
// fingerprint (see Fingerprint) of what the caller has.
//
// It looks at sizes and times every WatchEvery. Notifications of the operating
// system would be a dependency of their own, and miss network file systems and
// the volumes of containers, where such directories often are.
func (t *Team) Watch(ctx context.Context, loaded uint64, changed func([]tools.Tool, []error)) {
	if len(t.dirs) == 0 {
		return
	}
	tick := time.NewTicker(WatchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		// Taken before the files are read: what is written meanwhile is seen at
		// the next look.
		if now := t.Fingerprint(); now != loaded {
			loaded = now
			changed(t.Load())
		}
	}
}

// Fingerprint changes when a template file comes, goes or is written. Take it
// before Load and hand it to Watch, so that no edit between them is missed.
func (t *Team) Fingerprint() uint64 {
	var h maphash.Hash
	h.SetSeed(t.seed)
	for _, dir := range t.dirs {
		err := within(dir, func(root fs.FS) error {
			names, err := files(root, ".")
			for _, name := range names {
				info, err := fs.Stat(root, name)
				if err != nil {
					note(&h, dir, name, err.Error())
					continue
				}
				note(&h, dir, name, fmt.Sprint(info.Size(), info.ModTime().UnixNano(), info.Mode()))
			}
			return err
		})
		if err != nil {
			note(&h, dir, err.Error())
		}
	}
	return h.Sum64()
}

// note adds texts so that no two lists of texts are the same to the hash.
func note(h *maphash.Hash, texts ...string) {
	for _, s := range texts {
		_, _ = h.WriteString(s) // a hash takes everything
		_ = h.WriteByte(0)
	}
}

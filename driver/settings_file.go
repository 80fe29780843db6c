package driver

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxSettingsFile bounds a settings file, in bytes.
const maxSettingsFile = 64 << 10

// readDotenv reads a file of NAME=value lines, as dotenv files are: comments,
// "export " and quotes are understood, nothing is expanded. Names that no
// setting has are somebody else's and ignored.
func readDotenv(path string) (map[string]string, error) {
	in, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("settings file: %w", err)
	}
	defer in.Close() //nolint:errcheck // read only
	data, err := io.ReadAll(io.LimitReader(in, maxSettingsFile+1))
	if err != nil {
		return nil, fmt.Errorf("settings file %s: %w", path, err)
	}
	if len(data) > maxSettingsFile {
		return nil, fmt.Errorf("settings file %s: larger than %d bytes", path, maxSettingsFile)
	}
	values := make(map[string]string)
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(string(data), "\ufeff")) {
		n++
		name, value, err := dotenvLine(line)
		if err != nil {
			return nil, fmt.Errorf("settings file %s, line %d: %w", path, n, err)
		}
		if name != "" {
			values[name] = value
		}
	}
	return values, nil
}

// dotenvLine reads one line; an empty name for one without a value.
func dotenvLine(line string) (name, value string, err error) {
	line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "export "))
	if line == "" || line[0] == '#' {
		return "", "", nil
	}
	name, value, ok := strings.Cut(line, "=")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !ok || name == "" || strings.ContainsAny(name, " \t\"'") {
		return "", "", errors.New("not NAME=value") // the line itself may hold a key
	}
	if value == "" {
		return name, "", nil
	}
	if q := value[0]; q == '"' || q == '\'' {
		end := strings.IndexByte(value[1:], q)
		if end < 0 {
			return "", "", fmt.Errorf("%s: the quote is not closed", cleanText(name, 60))
		}
		return name, value[1 : 1+end], nil
	}
	if i := strings.Index(value, " #"); i >= 0 {
		value = strings.TrimSpace(value[:i])
	}
	return name, value, nil
}

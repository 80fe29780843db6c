package main

import (
	"log/slog"

	"github.com/lmittmann/tint"
)

// logFlags choose how the program logs; always on standard error.
type logFlags struct {
	LogLevel  string `enum:"debug,info,warn,error" default:"warn" help:"Least level that is logged: debug, info, warn, error."`
	LogFormat string `enum:"auto,text,json" default:"auto" help:"auto is colour text on a terminal and JSON elsewhere."`
}

// logger builds the one logger that everything is given.
func (f logFlags) logger(w *world) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(f.LogLevel)) // kong has checked the enum
	if f.LogFormat == "json" || (f.LogFormat == "auto" && !w.errTerm) {
		return slog.New(slog.NewJSONHandler(w.err, &slog.HandlerOptions{Level: level}))
	}
	return slog.New(tint.NewTextHandler(w.err, &tint.Options{Level: level, NoColor: !w.errTerm, TimeFormat: "15:04:05.000"}))
}

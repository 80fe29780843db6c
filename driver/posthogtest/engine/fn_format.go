package engine

import (
	"fmt"
	"strings"
	"time"
)

func addFormatFunctions(t table) {
	for _, name := range []string{"formatDateTime", "to_char"} {
		t.add(name, "ds?s", func(c *callInfo) (*typ, impl, error) {
			layout, err := c.constantText(1)
			if err != nil {
				return nil, nil, err
			}
			loc, err := c.zoneOf(0, 2)
			if err != nil {
				return nil, nil, err
			}
			if err := checkLayout(layout); err != nil {
				return nil, nil, err
			}
			micros := c.t[0].k == kDateTime64
			scale := c.t[0].scale
			return mk(kString), func(a []any) any { return formatTime(local(a[0], loc), layout, micros, scale) }, nil
		})
	}
	for name, base := range map[string]float64{"formatReadableSize": 1024, "formatReadableDecimalSize": 1000} {
		units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"}
		if base == 1000 {
			units = []string{"B", "KB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"}
		}
		t.simple(name, "n", mk(kString), func(a []any) any { return readable(float(a[0]), base, units) })
	}
	t.simple("formatReadableQuantity", "n", mk(kString), func(a []any) any {
		return strings.TrimSuffix(readable(float(a[0]), 1000, []string{"", "thousand", "million", "billion", "trillion", "quadrillion", "quintillion"}), " ")
	})
}

func readable(v, base float64, units []string) string {
	i := 0
	for i+1 < len(units) && (v >= base || v <= -base) {
		v /= base
		i++
	}
	return fmt.Sprintf("%.2f %s", v, units[i])
}

const knownDirectives = "abCdDefFgGhHiIjklmMnpQrRsStTuVwWyYz%"

func checkLayout(layout string) error {
	for i := 0; i < len(layout); i++ {
		if layout[i] != '%' {
			continue
		}
		i++
		if i >= len(layout) {
			return queryError(codeBadArguments, "Trailing '%%' in the format of formatDateTime")
		}
		if strings.IndexByte(knownDirectives, layout[i]) < 0 {
			return notSupported("%%%c in formatDateTime", layout[i])
		}
	}
	return nil
}

// formatTime prints by MySQL's directives, as ClickHouse's formatDateTime.
func formatTime(t time.Time, layout string, micros bool, scale int) string {
	var b strings.Builder
	for i := 0; i < len(layout); i++ {
		if layout[i] != '%' {
			b.WriteByte(layout[i])
			continue
		}
		i++
		b.WriteString(directive(t, layout[i], micros, scale))
	}
	return b.String()
}

func directive(t time.Time, c byte, micros bool, scale int) string {
	hour12 := (t.Hour()+11)%12 + 1
	isoYear, isoWeek := t.ISOWeek()
	switch c {
	case 'Y':
		return fmt.Sprintf("%04d", t.Year())
	case 'y':
		return fmt.Sprintf("%02d", t.Year()%100)
	case 'C':
		return fmt.Sprintf("%02d", t.Year()/100)
	case 'm':
		return t.Format("01")
	case 'd':
		return t.Format("02")
	case 'e':
		return fmt.Sprint(t.Day())
	case 'j':
		return fmt.Sprintf("%03d", t.YearDay())
	case 'H', 'k':
		return fmt.Sprintf("%02d", t.Hour())
	case 'I', 'h', 'l':
		return fmt.Sprintf("%02d", hour12)
	case 'i':
		return t.Format("04")
	case 'S', 's':
		return t.Format("05")
	case 'f':
		if !micros || scale == 0 {
			return "000000"
		}
		return fmt.Sprintf("%06d", t.Nanosecond()/1000)[:scale]
	case 'p':
		return t.Format("PM")
	case 'a':
		return t.Format("Mon")
	case 'W':
		return t.Format("Monday")
	case 'b':
		return t.Format("Jan")
	case 'M':
		return t.Format("January")
	case 'D':
		return t.Format("01/02/06")
	case 'F':
		return t.Format("2006-01-02")
	case 'T':
		return t.Format("15:04:05")
	case 'R':
		return t.Format("15:04")
	case 'r':
		return fmt.Sprintf("%02d:%s", hour12, t.Format("04 PM"))
	case 'u':
		return fmt.Sprint((int(t.Weekday())+6)%7 + 1)
	case 'w':
		return fmt.Sprint(int(t.Weekday()))
	case 'V':
		return fmt.Sprintf("%02d", isoWeek)
	case 'G':
		return fmt.Sprintf("%04d", isoYear)
	case 'g':
		return fmt.Sprintf("%02d", isoYear%100)
	case 'Q':
		return fmt.Sprint((int(t.Month())-1)/3 + 1)
	case 'z':
		return t.Format("-0700")
	case 'n':
		return "\n"
	case 't':
		return "\t"
	}
	return "%"
}

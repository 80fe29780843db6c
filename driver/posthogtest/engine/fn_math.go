package engine

import (
	"math"
	"math/bits"
)

func addMathFunctions(t table) {
	addArithmetic(t)
	addRounding(t)
	f64 := mk(kFloat64)
	for name, fn := range map[string]func(float64) float64{
		"exp": math.Exp, "exp2": math.Exp2, "exp10": func(x float64) float64 { return math.Pow(10, x) },
		"ln": math.Log, "log": math.Log, "log2": math.Log2, "log10": math.Log10, "log1p": math.Log1p,
		"sqrt": math.Sqrt, "cbrt": math.Cbrt, "erf": math.Erf, "erfc": math.Erfc,
		"tgamma": math.Gamma, "sin": math.Sin, "cos": math.Cos, "tan": math.Tan, "asin": math.Asin,
		"acos": math.Acos, "atan": math.Atan, "sinh": math.Sinh, "cosh": math.Cosh,
		"asinh": math.Asinh, "acosh": math.Acosh, "atanh": math.Atanh,
		"lgamma":  func(x float64) float64 { v, _ := math.Lgamma(x); return v },
		"degrees": func(x float64) float64 { return x * (180 / math.Pi) },
		"radians": func(x float64) float64 { return x * (math.Pi / 180) },
	} {
		t.simple(name, "n", f64, func(a []any) any { return fn(float(a[0])) })
	}
	for name, fn := range map[string]func(x, y float64) float64{
		"pow": math.Pow, "power": math.Pow, "atan2": math.Atan2, "hypot": math.Hypot,
	} {
		t.simple(name, "nn", f64, func(a []any) any { return fn(float(a[0]), float(a[1])) })
	}
	for name, v := range map[string]float64{"pi": math.Pi, "e": math.E} {
		t[name] = func(_ *scope, args []*expr) (*expr, error) {
			return constant(mk(kFloat64), v), checkArguments(name, "?*", args)
		}
	}
	t.simple("sign", "n", mk(kInt8), func(a []any) any { return int64(compareNumbers(a[0], uint64(0))) })
	for name, fn := range map[string]func(float64) bool{
		"isNaN": math.IsNaN, "isInfinite": func(x float64) bool { return math.IsInf(x, 0) },
		"isFinite": func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) },
	} {
		t.simple(name, "n", mk(kUInt8), func(a []any) any { return truth(fn(float(a[0]))) })
	}
	t["ifNotFinite"] = func(_ *scope, args []*expr) (*expr, error) {
		if err := checkArguments("ifNotFinite", "nn", args); err != nil {
			return nil, err
		}
		rt, both, err := common("ifNotFinite", args)
		if err != nil {
			return nil, err
		}
		return &expr{t: rt, eval: func(f *frame) any {
			v := both[0].eval(f)
			if x, ok := v.(float64); v != nil && (!ok || !math.IsNaN(x) && !math.IsInf(x, 0)) {
				return v
			}
			return both[1].eval(f)
		}}, nil
	}
	for name, fn := range map[string]func(x, y uint64) uint64{
		"bitAnd": func(x, y uint64) uint64 { return x & y },
		"bitOr":  func(x, y uint64) uint64 { return x | y },
		"bitXor": func(x, y uint64) uint64 { return x ^ y },
	} {
		t.add(name, "ii", func(c *callInfo) (*typ, impl, error) {
			if c.t[0].isSigned() || c.t[1].isSigned() {
				return nil, nil, notSupported("%s of signed numbers", name)
			}
			rt := intType(false, max(c.t[0].bits(), c.t[1].bits()))
			return rt, func(a []any) any { return fn(uint64(whole(a[0])), uint64(whole(a[1]))) }, nil //nolint:gosec // bits
		})
	}
	t.add("bitCount", "i", func(c *callInfo) (*typ, impl, error) {
		mask := ^uint64(0) >> (64 - c.t[0].bits())
		return mk(kUInt8), func(a []any) any { return uint64(bits.OnesCount64(uint64(bitsOf(a[0])) & mask)) }, nil //nolint:gosec // bits
	})
	t.simple("factorial", "i", mk(kUInt64), func(a []any) any {
		n := whole(a[0])
		if n > 20 {
			return queryError(codeBadArguments, "The maximum argument of factorial is 20")
		}
		out := uint64(1)
		for i := int64(2); i <= n; i++ {
			out *= uint64(i) //nolint:gosec // i is positive
		}
		return out
	})
}

// nextBits is the width that holds a sum or product of two widths.
func nextBits(n int) int { return min(n*2, 64) }

func addArithmetic(t table) {
	for _, name := range []string{"plus", "minus", "multiply", "divide", "modulo", "intDiv", "intDivOrZero", "moduloOrZero", "positiveModulo"} {
		t[name] = func(s *scope, args []*expr) (*expr, error) {
			if len(args) != 2 {
				return nil, queryError(codeArgumentCount, "Number of arguments for function %s doesn't match: passed %d, should be 2", name, len(args))
			}
			if e, err := timeArithmetic(s, name, args); e != nil || err != nil {
				return e, err
			}
			return numberArithmetic(s, name, args)
		}
	}
	t.add("negate", "n", func(c *callInfo) (*typ, impl, error) {
		if c.t[0].k == kFloat64 {
			return c.t[0], func(a []any) any { return -float(a[0]) }, nil
		}
		w := c.t[0].bits()
		if c.t[0].isUnsigned() {
			w = nextBits(w)
		}
		return intType(true, w), func(a []any) any { return -whole(a[0]) }, nil
	})
	t.add("abs", "n", func(c *callInfo) (*typ, impl, error) {
		if c.t[0].k == kFloat64 {
			return c.t[0], func(a []any) any { return math.Abs(float(a[0])) }, nil
		}
		return intType(false, c.t[0].bits()), func(a []any) any {
			if n, ok := a[0].(int64); ok {
				if n < 0 {
					n = -n
				}
				return uint64(n) //nolint:gosec // not negative, or the lowest int64, which wraps as in ClickHouse
			}
			return normal(a[0])
		}, nil
	})
	for _, name := range []string{"gcd", "lcm"} {
		t.add(name, "ii", func(c *callInfo) (*typ, impl, error) {
			rt := intType(c.t[0].isSigned() || c.t[1].isSigned(), nextBits(max(c.t[0].bits(), c.t[1].bits())))
			return rt, func(a []any) any {
				x, y := whole(a[0]), whole(a[1])
				if x == 0 || y == 0 {
					return queryError(codeIllegalDivision, "Division by zero in %s", name)
				}
				g, h := x, y
				for h != 0 {
					g, h = h, g%h
				}
				if name == "lcm" {
					g = x / g * y
				}
				if g < 0 {
					g = -g
				}
				return ofType(g, rt)
			}, nil
		})
	}
}

// ofType stores a whole number as its type's run-time form.
func ofType(n int64, t *typ) any {
	if t.isUnsigned() {
		return uint64(n) //nolint:gosec // two's complement, as in ClickHouse
	}
	return n
}

func numberArithmetic(s *scope, name string, args []*expr) (*expr, error) {
	for i, a := range args {
		if a.t.k == kDecimal {
			args[i] = toFloatExpr(a) // exact enough for seconds between times
		}
	}
	sub := table{}
	sub.add(name, "nn", func(c *callInfo) (*typ, impl, error) {
		a, b := c.t[0], c.t[1]
		if name == "divide" {
			return mk(kFloat64), func(v []any) any { return float(v[0]) / float(v[1]) }, nil
		}
		if a.k == kFloat64 || b.k == kFloat64 {
			return floatArithmetic(name)
		}
		return intArithmetic(name, a, b)
	})
	return sub[name](s, args)
}

func floatArithmetic(name string) (*typ, impl, error) {
	ops := map[string]func(x, y float64) float64{
		"plus":     func(x, y float64) float64 { return x + y },
		"minus":    func(x, y float64) float64 { return x - y },
		"multiply": func(x, y float64) float64 { return x * y },
		"modulo":   math.Mod,
	}
	op := ops[name]
	if op == nil {
		return nil, nil, notSupported("%s of floats", name)
	}
	return mk(kFloat64), func(v []any) any { return op(float(v[0]), float(v[1])) }, nil
}

func intArithmetic(name string, a, b *typ) (*typ, impl, error) {
	signed := a.isSigned() || b.isSigned()
	width := nextBits(max(a.bits(), b.bits()))
	switch name {
	case "plus":
		rt := intType(signed, width)
		return rt, func(v []any) any { return ofType(bitsOf(v[0])+bitsOf(v[1]), rt) }, nil
	case "minus":
		rt := intType(true, width)
		return rt, func(v []any) any { return bitsOf(v[0]) - bitsOf(v[1]) }, nil
	case "multiply":
		rt := intType(signed, width)
		return rt, func(v []any) any { return ofType(bitsOf(v[0])*bitsOf(v[1]), rt) }, nil
	case "intDiv", "intDivOrZero":
		rt := intType(signed, a.bits())
		return rt, func(v []any) any {
			if bitsOf(v[1]) == 0 {
				if name == "intDivOrZero" {
					return ofType(0, rt)
				}
				return queryError(codeIllegalDivision, "Division by zero")
			}
			if !signed {
				return uint64(bitsOf(v[0])) / uint64(bitsOf(v[1])) //nolint:gosec // both unsigned
			}
			return bitsOf(v[0]) / bitsOf(v[1])
		}, nil
	}
	w := b.bits()
	rt := intType(a.isSigned(), w)
	if a.isSigned() {
		rt = intType(true, nextBits(w))
	}
	if name == "positiveModulo" {
		rt = intType(false, w)
	}
	return rt, func(v []any) any {
		y := bitsOf(v[1])
		if y == 0 {
			if name == "moduloOrZero" {
				return ofType(0, rt)
			}
			return queryError(codeIllegalDivision, "Division by zero")
		}
		if !signed {
			return uint64(bitsOf(v[0])) % uint64(y) //nolint:gosec // both unsigned
		}
		m := bitsOf(v[0]) % y
		if m < 0 && name == "positiveModulo" {
			m += max(y, -y)
		}
		return ofType(m, rt)
	}, nil
}

// bitsOf is an integer's two's complement, in which sums wrap as they do in
// ClickHouse.
func bitsOf(v any) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case uint64:
		return int64(v) //nolint:gosec // bits
	}
	return whole(v)
}

// maxDigits bounds the second argument of round, ceil, floor and trunc.
const maxDigits = 300

func addRounding(t table) {
	rounding := func(name string, whole0 func(float64) float64) {
		t.add(name, "n?n", func(c *callInfo) (*typ, impl, error) {
			digits, err := c.constantInt(0)
			if err != nil {
				return nil, nil, err
			}
			if digits < -maxDigits || digits > maxDigits {
				return nil, nil, queryError("argument_out_of_bound", "Scale argument for rounding function is too large: %d", digits)
			}
			if c.t[0].k != kFloat64 {
				if digits >= 0 {
					return c.t[0], func(a []any) any { return a[0] }, nil
				}
				if -digits > 18 || c.t[0].bits() < 64 && int64(math.Pow10(int(-digits))) >= 1<<(c.t[0].bits()-1) {
					return nil, nil, notSupported("%s of %s to a multiple of 10^%d", name, c.t[0], -digits)
				}
				return c.t[0], roundInteger(name, c.t[0], -digits), nil
			}
			scale := math.Pow10(int(digits))
			return c.t[0], func(a []any) any {
				x := float(a[0])
				switch {
				case digits == 0:
					return whole0(x)
				case digits > 0:
					return whole0(x*scale) / scale
				default:
					inv := math.Pow10(int(-digits))
					return whole0(x/inv) * inv
				}
			}, nil
		})
	}
	rounding("round", math.RoundToEven)
	rounding("roundBankers", math.RoundToEven)
	rounding("floor", math.Floor)
	rounding("ceil", math.Ceil)
	rounding("trunc", math.Trunc)
	t.add("roundToExp2", "i", func(c *callInfo) (*typ, impl, error) {
		if c.t[0].isSigned() {
			return nil, nil, notSupported("roundToExp2 of signed numbers")
		}
		return c.t[0], func(a []any) any {
			n, _ := normal(a[0]).(uint64)
			if n == 0 {
				return n
			}
			return uint64(1) << (63 - bits.LeadingZeros64(n))
		}, nil
	})
}

// roundInteger rounds to a multiple of 10^digits.
func roundInteger(name string, t *typ, digits int64) impl {
	unit := int64(math.Pow10(int(min(digits, 18))))
	return func(a []any) any {
		n := bitsOf(a[0])
		m := n % unit
		base := n - m
		if m < 0 {
			base, m = base-unit, m+unit
		}
		up := false
		switch name {
		case "round", "roundBankers":
			up = 2*m > unit || 2*m == unit && (name == "round" || base/unit%2 != 0)
		case "ceil":
			up = m > 0
		case "trunc":
			up = n < 0 && m > 0
		}
		if up {
			base += unit
		}
		return ofType(base, t)
	}
}

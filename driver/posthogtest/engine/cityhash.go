package engine

import (
	"encoding/binary"
	"math/bits"
)

// cityHash64 is CityHash64 of version 1.0.2, the one that ClickHouse uses and
// that queries take samples of persons with.

const (
	cityK0 = 0xc3a5c85c97cb3127
	cityK1 = 0xb492b66fbe98f273
	cityK2 = 0x9ae16a3b2f90404f
	cityK3 = 0xc949d7c7509e6557
)

func fetch64(s string, at int) uint64 { return binary.LittleEndian.Uint64([]byte(s[at : at+8])) }
func fetch32(s string, at int) uint64 {
	return uint64(binary.LittleEndian.Uint32([]byte(s[at : at+4])))
}
func rotateRight(v uint64, n int) uint64 { return bits.RotateLeft64(v, -n) }
func shiftMix(v uint64) uint64           { return v ^ v>>47 }

func hash128(low, high uint64) uint64 {
	const mul = 0x9ddfea08eb382d69
	a := (low ^ high) * mul
	a ^= a >> 47
	b := (high ^ a) * mul
	b ^= b >> 47
	return b * mul
}

func cityHash64(s string) uint64 {
	n := len(s)
	switch {
	case n == 0:
		return cityK2
	case n < 4:
		y := uint64(s[0]) + uint64(s[n>>1])<<8
		z := uint64(n) + uint64(s[n-1])<<2
		return shiftMix(y*cityK2^z*cityK3) * cityK2
	case n <= 8:
		return hash128(uint64(n)+fetch32(s, 0)<<3, fetch32(s, n-4))
	case n <= 16:
		a, b := fetch64(s, 0), fetch64(s, n-8)
		return hash128(a, rotateRight(b+uint64(n), n)) ^ b
	case n <= 32:
		a, b := fetch64(s, 0)*cityK1, fetch64(s, 8)
		c, d := fetch64(s, n-8)*cityK2, fetch64(s, n-16)*cityK0
		return hash128(rotateRight(a-b, 43)+rotateRight(c, 30)+d, a+rotateRight(b^cityK3, 20)-c+uint64(n))
	case n <= 64:
		return cityHash33(s)
	}
	return cityHashLong(s)
}

func cityHash33(s string) uint64 {
	n := len(s)
	half := func(a, z uint64, second, third int) (uint64, uint64) {
		b, c := rotateRight(a+z, 52), rotateRight(a, 37)
		a += fetch64(s, second)
		c += rotateRight(a, 7)
		a += fetch64(s, third)
		return a + z, b + rotateRight(a, 31) + c
	}
	vf, vs := half(fetch64(s, 0)+(uint64(n)+fetch64(s, n-16))*cityK0, fetch64(s, 24), 8, 16)
	wf, ws := half(fetch64(s, 16)+fetch64(s, n-32), fetch64(s, n-8), n-24, n-16)
	r := shiftMix((vf+ws)*cityK2 + (wf+vs)*cityK0)
	return shiftMix(r*cityK0+vs) * cityK2
}

func cityHashLong(s string) uint64 {
	n := len(s)
	weak := func(at int, a, b uint64) (uint64, uint64) {
		w, x, y, z := fetch64(s, at), fetch64(s, at+8), fetch64(s, at+16), fetch64(s, at+24)
		a += w
		b = rotateRight(b+a+z, 21)
		c := a
		a += x + y
		return a + z, b + rotateRight(a, 44) + c
	}
	x, y, z := fetch64(s, 0), fetch64(s, n-16)^cityK1, fetch64(s, n-56)^cityK0
	vf, vs := weak(n-64, uint64(n), y)
	wf, ws := weak(n-32, uint64(n)*cityK1, cityK0)
	z += shiftMix(vs) * cityK1
	x = rotateRight(z+x, 39) * cityK1
	y = rotateRight(y, 33) * cityK1
	for at := 0; at < (n-1)&^63; at += 64 {
		x = rotateRight(x+y+vf+fetch64(s, at+16), 37) * cityK1
		y = rotateRight(y+vs+fetch64(s, at+48), 42) * cityK1
		x ^= ws
		y ^= vf
		z = rotateRight(z^wf, 33)
		vf, vs = weak(at, vs*cityK1, x+wf)
		wf, ws = weak(at+32, z+ws, y)
		z, x = x, z
	}
	return hash128(hash128(vf, wf)+shiftMix(y)*cityK1+z, hash128(vs, ws)+x)
}

package spool

import (
	"encoding/binary"
	"hash/fnv"
)

// bloom is a Bloom filter with 10 bits and 7 probes per key: it never says no to a key it has, and says maybe to one in a
// hundred it has not.
type bloom struct {
	bits []byte
}

const (
	bloomBits   = 10
	bloomProbes = 7
)

func newBloom(keys int) bloom {
	return bloom{make([]byte, max(8, (keys*bloomBits+7)/8))}
}

func (b bloom) add(key []byte) {
	h1, h2 := hashes(key)
	n := uint64(len(b.bits)) * 8
	for i := range uint64(bloomProbes) {
		at := (h1 + i*h2) % n
		b.bits[at/8] |= 1 << (at % 8)
	}
}

func (b bloom) maybe(key []byte) bool {
	h1, h2 := hashes(key)
	n := uint64(len(b.bits)) * 8
	for i := range uint64(bloomProbes) {
		at := (h1 + i*h2) % n
		if b.bits[at/8]&(1<<(at%8)) == 0 {
			return false
		}
	}
	return true
}

// hashes must not depend on the process: filters are stored.
func hashes(key []byte) (uint64, uint64) {
	h := fnv.New128a()
	_, _ = h.Write(key)
	sum := h.Sum(make([]byte, 0, 16))
	return binary.BigEndian.Uint64(sum), binary.BigEndian.Uint64(sum[8:]) | 1
}

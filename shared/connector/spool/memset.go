package spool

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"slices"
)

// memset is a set of byte strings in one arena: a length, then the bytes, per key. A hash table of offsets comes with the
// ninth key; before that a scan is faster.
type memset struct {
	arena  []byte
	offs   []uint32 // of each key in the arena, in the order added until sort
	table  []uint32 // offset + 1; 0 = free; len is a power of two
	seed   maphash.Seed
	sorted bool
}

const tableFrom = 8

// add puts a key in and reports whether it was new.
func (m *memset) add(key []byte) bool {
	slot, found := m.find(key)
	if found {
		return false
	}
	off := uint32(len(m.arena))
	m.arena = binary.AppendUvarint(m.arena, uint64(len(key)))
	m.arena = append(m.arena, key...)
	m.offs = append(m.offs, off)
	m.sorted = len(m.offs) == 1
	switch n := len(m.offs); {
	case n <= tableFrom:
	case n*4 > len(m.table)*3:
		m.grow()
	default:
		m.table[slot] = off + 1
	}
	return true
}

func (m *memset) has(key []byte) bool {
	_, found := m.find(key)
	return found
}

func (m *memset) find(key []byte) (slot int, found bool) {
	if m.table == nil {
		for _, off := range m.offs {
			if bytes.Equal(m.key(off), key) {
				return 0, true
			}
		}
		return 0, false
	}
	mask := len(m.table) - 1
	for slot = int(maphash.Bytes(m.seed, key)) & mask; m.table[slot] != 0; slot = (slot + 1) & mask {
		if bytes.Equal(m.key(m.table[slot]-1), key) {
			return slot, true
		}
	}
	return slot, false
}

func (m *memset) grow() {
	if m.table == nil {
		m.seed = maphash.MakeSeed()
	}
	m.table = make([]uint32, max(32, 2*len(m.table)))
	mask := len(m.table) - 1
	for _, off := range m.offs {
		slot := int(maphash.Bytes(m.seed, m.key(off))) & mask
		for m.table[slot] != 0 {
			slot = (slot + 1) & mask
		}
		m.table[slot] = off + 1
	}
}

func (m *memset) key(off uint32) []byte {
	n, size := binary.Uvarint(m.arena[off:])
	start := int(off) + size
	return m.arena[start : start+int(n) : start+int(n)]
}

// sort puts the keys into ascending order. Adding afterwards is fine and undoes it.
func (m *memset) sort() {
	if !m.sorted {
		slices.SortFunc(m.offs, func(a, b uint32) int { return bytes.Compare(m.key(a), m.key(b)) })
		m.sorted = true
	}
}

// from returns the position of the first key behind after, in a sorted set.
func (m *memset) from(after []byte) int {
	if after == nil {
		return 0
	}
	i, found := slices.BinarySearchFunc(m.offs, after, func(off uint32, key []byte) int { return bytes.Compare(m.key(off), key) })
	if found {
		i++
	}
	return i
}

// bytes is the memory the set takes.
func (m *memset) bytes() int { return cap(m.arena) + 4*cap(m.offs) + 4*cap(m.table) }

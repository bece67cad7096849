package main

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// forwarder returns a DLL (PE32+, x86-64) without code. Its exports forward to another DLL. Go
// programs need ProcessPrng of bcryptprimitives.dll, which Wine has only since 8.20. Older versions
// have the same function under another name. Format:
// https://learn.microsoft.com/windows/win32/debug/pe-format
func forwarder(name, export, target string) []byte {
	const (
		section = 0x1000 // the address of the only section in memory
		header  = 0x200  // its position in the file
		funcs   = 40     // offsets in the section, after the export directory
		names   = funcs + 4
		ordinal = names + 4
		text    = ordinal + 2
	)
	strs := strings.Join([]string{name, export, target, ""}, "\x00")
	at := func(i int) uint32 { return uint32(section + text + i) }
	body := pack(
		uint32(0), uint32(0), uint32(0), // flags, time, version
		at(0), uint32(1), // name, first ordinal
		uint32(1), uint32(1), // one function, one name
		uint32(section+funcs), uint32(section+names), uint32(section+ordinal),
		at(len(name)+1+len(export)+1), // an address inside of the export section means a forwarder
		at(len(name)+1),
		uint16(0), []byte(strs))
	head := pack(
		[]byte("MZ"), make([]byte, 58), uint32(64), []byte("PE\x00\x00"),
		// COFF: x86-64, one section, optional header of 240 bytes, an executable DLL
		uint16(0x8664), uint16(1), make([]byte, 12), uint16(240), uint16(0x2022),
		// optional header: PE32+, sizes, entry point none
		uint16(0x20b), make([]byte, 18), uint32(section),
		uint64(0x180000000), uint32(section), uint32(header), // base, alignments
		uint16(6), uint16(0), uint32(0), uint16(6), uint16(0), uint32(0), // system version: Vista and later
		uint32(2*section), uint32(header), uint32(0), // sizes of image and header, no checksum
		uint16(3), uint16(0x160), // console subsystem; any address, no execution of data
		uint64(1<<20), uint64(1<<12), uint64(1<<20), uint64(1<<12), uint32(0),
		uint32(16), uint32(section), uint32(len(body)), make([]byte, 15*8), // directories: only exports
		// the section
		[]byte(".edata\x00\x00"), uint32(len(body)), uint32(section), uint32(header), uint32(header),
		make([]byte, 12), uint32(0x40000040)) // initialized data, readable
	file := make([]byte, 2*header)
	copy(file, head)
	copy(file[header:], body)
	return file
}

// pack concatenates values in little-endian order.
func pack(values ...any) []byte {
	var b bytes.Buffer
	for _, v := range values {
		_ = binary.Write(&b, binary.LittleEndian, v) // this never fails for a buffer and fixed sizes
	}
	return b.Bytes()
}

package main

import (
	"bytes"
	"debug/pe"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestForwarder(t *testing.T) {
	file, err := pe.NewFile(bytes.NewReader(forwarder("a.dll", "Here", "b.There")))
	require.NoError(t, err)
	assert.EqualValues(t, pe.IMAGE_FILE_MACHINE_AMD64, file.Machine)
	assert.NotZero(t, file.Characteristics&pe.IMAGE_FILE_DLL)
	require.Len(t, file.Sections, 1)
	exports := file.OptionalHeader.(*pe.OptionalHeader64).DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_EXPORT]
	assert.Equal(t, file.Sections[0].VirtualAddress, exports.VirtualAddress)
	data, err := file.Sections[0].Data()
	require.NoError(t, err)
	assert.Contains(t, string(data[:exports.Size]), "a.dll\x00Here\x00b.There\x00")
}

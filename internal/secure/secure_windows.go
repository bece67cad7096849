package secure

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// reportNoHeap is WER_FAULT_REPORTING_FLAG_NOHEAP of werapi.h.
const reportNoHeap = 1

func hideMemory() {
	kernel := windows.NewLazySystemDLL("kernel32.dll")
	get, set := kernel.NewProc("WerGetFlags"), kernel.NewProc("WerSetFlags")
	if get.Find() != nil || set.Find() != nil {
		return // Wine, for example, does not have this function
	}
	var flags uint32
	_, _, _ = get.Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&flags)))
	_, _, _ = set.Call(uintptr(flags | reportNoHeap))
}

func withUserLimits(start func() error) error { return start() }

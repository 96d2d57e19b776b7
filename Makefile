# For those whose fingers type it; scripts/ is where the work is done.
PREFIX ?= /usr/local

.PHONY: build install test
build:
	swift build -c release --product loewner
install:
	scripts/install $(PREFIX)
test:
	scripts/test

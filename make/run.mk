.PHONY: run
run: build
	@echo run

# cmake -DINPUT=library.lir -DOUTPUT=library_text.c -P embed.cmake
# Writes a file as the C array loop_library_text, of loop_library_size bytes and a NUL.
file(READ ${INPUT} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "((0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,))" "\\1\n" bytes "${bytes}")
file(WRITE ${OUTPUT} "#include <stddef.h>
extern const unsigned char loop_library_text[];
extern const size_t loop_library_size;
const unsigned char loop_library_text[] = {\n${bytes}0
};
const size_t loop_library_size = sizeof loop_library_text - 1;
")

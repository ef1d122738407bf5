# cmake -DINPUT=library.lir -DOUTPUT=library_text.c -DNAME=loop_library -P embed.cmake
# Writes a file as the C array NAME_text, of NAME_size bytes and a NUL.
file(READ ${INPUT} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "((0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,))" "\\1\n" bytes "${bytes}")
file(WRITE ${OUTPUT} "#include <stddef.h>
extern const unsigned char ${NAME}_text[];
extern const size_t ${NAME}_size;
const unsigned char ${NAME}_text[] = {\n${bytes}0
};
const size_t ${NAME}_size = sizeof ${NAME}_text - 1;
")

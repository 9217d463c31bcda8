# cmake -DINPUT=a.mlir -DOUTPUT=A.h -DNAME=kA -P embed.cmake
# A header with the text of a file as a string literal.
file(READ ${INPUT} text)
file(WRITE ${OUTPUT}
     "// Generated from ${INPUT}.\n#pragma once\nstatic constexpr char ${NAME}[] = R\"MLIR(${text})MLIR\";\n")
